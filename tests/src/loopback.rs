//! Servers on loopback.

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Accepts connections until the task is aborted, and serves each in a task of its own. Dropping the set of tasks closes them all.
pub(crate) async fn accept<F>(listener: TcpListener, converse: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                if let Ok((socket, _)) = accepted {
                    let _ = socket.set_nodelay(true); // small responses would otherwise wait for the caller's acknowledgement
                    connections.spawn(converse(socket));
                }
            }
        }
    }
}
