//! The bucket with its day logs. The oracle checks each object when it is created.

use jiff::Timestamp;
use slacktrail_core::error::Error;
use slacktrail_core::object::{DayLogId, KeyOwner, ObjectKey};
use slacktrail_ports::{CreateOutcome, DayLogStore, StoredObject};

use super::SimulatedPorts;
use crate::mutant::Mutant;
use crate::oracle;
use crate::simulated_world::{Part, State};

impl DayLogStore for SimulatedPorts {
    async fn create(&self, key: &ObjectKey, bytes: Vec<u8>) -> Result<CreateOutcome, Error> {
        let key = key.to_string();
        let created = self
            .operate(
                Part::Bucket,
                || format!("create {key}"),
                |state| {
                    let before = (state.objects.len(), state.book.lines.len());
                    let created = state.create(&key, &bytes);
                    if state.objects.len() > before.0 {
                        self.id.record(|facts| facts.record_created(&key, &bytes, &state.book.lines[before.1..]));
                    }
                    created
                },
            )
            .await;
        match created {
            Ok(CreateOutcome::Created) => self.id.record(|facts| facts.record_acknowledged(&key)),
            Ok(CreateOutcome::AlreadyExists) => self.id.record(|facts| facts.record_exists(&key)),
            _ => {}
        }
        self.world.trace_result(|| format!("{created:?}"));
        created
    }

    async fn read(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        let key = key.to_string();
        self.query(
            Part::Bucket,
            || format!("read {key}"),
            |state| {
                let (bytes, created) = state.objects.get(&key)?.clone();
                Some(StoredObject {
                    bytes: bytes.to_vec(),
                    last_modified: Mutant::last_modified(state.mutant, created),
                })
            },
        )
        .await
    }

    async fn list(&self, log: &DayLogId) -> Result<Vec<u32>, Error> {
        self.query(
            Part::Bucket,
            || format!("list {}", log.prefix()),
            |state| {
                let (mut numbers, prefix) = (Vec::new(), log.prefix());
                let objects = state.objects.range(prefix.clone()..).map(|(key, _)| key);
                let objects = objects.take_while(|key| key.starts_with(&prefix));
                for key in objects.chain(state.foreign.iter().filter(|key| key.starts_with(&prefix))) {
                    match log.read_key(key) {
                        KeyOwner::This(number) => numbers.push(number),
                        KeyOwner::OtherSource => {}
                        KeyOwner::Unknown => return Err(unexpected_object(key)),
                    }
                }
                numbers.sort_unstable();
                Ok(numbers)
            },
        )
        .await?
    }
}

fn unexpected_object(key: &str) -> Error {
    let message = format!("listing a day log: `{key}` is not an object that slacktrail writes");
    Error::deployment("unexpected_object", message)
}

impl State {
    fn create(&mut self, key: &str, bytes: &[u8]) -> CreateOutcome {
        if self.is_busy() {
            return CreateOutcome::Conflict;
        }
        match self.mutant {
            Some(Mutant::CursorBeforeObject) => {
                self.owed.push((key.to_owned(), bytes.to_vec()));
                return CreateOutcome::Created;
            }
            Some(Mutant::OverwritesObjects) => {}
            _ if self.objects.contains_key(key) => return CreateOutcome::AlreadyExists,
            _ => {}
        }
        self.put(key, bytes);
        CreateOutcome::Created
    }

    pub(super) fn put(&mut self, key: &str, bytes: &[u8]) {
        let created = self.now.saturating_add(self.bucket_ahead).unwrap_or(self.now);
        let before = self.objects.insert(key.to_owned(), (bytes.into(), created));
        let checked = match before {
            Some((before, _)) if *before == *bytes => Ok(()),
            Some(_) => Err(format!("overwritten: object `{key}`")),
            None => oracle::check_object(self, key, bytes),
        };
        if let Err(invariant) = checked {
            self.broken.get_or_insert(invariant);
        }
    }
}

impl Mutant {
    fn last_modified(mutant: Option<Mutant>, created: Timestamp) -> Timestamp {
        if mutant == Some(Mutant::ReadsBackTooLittle) { Timestamp::UNIX_EPOCH } else { created }
    }
}
