//! The simulated ports of a process, one file per port.

mod authorizations;
mod credentials;
mod day_logs;
mod deployment;
mod slack;

use slacktrail_core::error::Error;
use slacktrail_ports::Ports;

use super::process::Id;
use super::simulated_world::{NoResponse, Part, SimulatedWorld, State};

/// All ports of one process in the simulated world.
#[derive(Clone, Debug)]
pub struct SimulatedPorts {
    world: SimulatedWorld,
    id: Id,
}

pub(super) fn ports(
    world: &SimulatedWorld,
    id: &Id,
) -> Ports<SimulatedPorts, SimulatedPorts, SimulatedPorts, SimulatedPorts> {
    let ports = SimulatedPorts { world: world.clone(), id: id.clone() };
    Ports { slack: ports.clone(), day_logs: ports.clone(), deployment: ports.clone(), credentials: ports }
}

impl SimulatedPorts {
    /// Creates the ports of a process without a poller.
    pub fn of(world: &SimulatedWorld, process: u32) -> SimulatedPorts {
        SimulatedPorts { world: world.clone(), id: Id::of(process) }
    }

    async fn operate<R>(
        &self,
        part: Part,
        what: impl Fn() -> String,
        effect: impl FnMut(&mut State) -> R,
    ) -> Result<R, Error> {
        self.world.operate(&self.id, part, false, &what, effect).await.map_err(|NoResponse| no_response(&what()))
    }

    async fn query<R>(&self, part: Part, what: impl Fn() -> String, view: impl Fn(&State) -> R) -> Result<R, Error> {
        self.world
            .operate(&self.id, part, true, &what, |state| view(state))
            .await
            .map_err(|NoResponse| no_response(&what()))
    }
}

fn no_response(what: &str) -> Error {
    Error::deployment("aws_unavailable", format!("`{what}` received no response"))
}
