//! Those that read: a few threads, each with a read-only connection and its statements.

use std::thread::{self, JoinHandle};

use affiant_engine::ports::StoreError;
use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::statement::Reads;
use crate::errors;

/// One connection's statements.
pub(super) struct Reader<'c> {
    connection: &'c Connection,
    pub(super) sql: Reads<'c>,
}

type Question = Box<dyn for<'c> FnOnce(&mut Reader<'c>) + Send>;

/// The threads, and the queue of questions before them. It is as long as there are callers that wait.
pub(super) struct Readers {
    questions: Option<Sender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// One thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let (questions, queue) = crossbeam_channel::unbounded();
        let mut threads = Vec::new();
        for (number, connection) in connections.into_iter().enumerate() {
            let queue = queue.clone();
            let thread = thread::Builder::new().name(format!("store-read-{number}"));
            threads.push(thread.spawn(move || answer_all(&connection, &queue))?);
        }
        Ok(Self { questions: Some(questions), threads })
    }

    /// Asks one question. Everything it reads is of one moment.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl for<'c> FnOnce(&mut Reader<'c>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        // A caller that no longer waits has lost nothing but the answer.
        let question: Question = Box::new(move |reader| drop(answer.send(reader.at_one_moment(question))));
        let questions = self.questions.as_ref().ok_or_else(closed)?;
        questions.send(question).map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

impl Readers {
    /// Answers what was asked and closes the connections.
    pub(super) fn close(&mut self) {
        self.questions = None;
        for thread in self.threads.drain(..) {
            // A reader that panicked has nothing to put in order.
            let _ = thread.join();
        }
    }
}

fn answer_all(connection: &Connection, queue: &Receiver<Question>) {
    let sql = match Reads::prepare(connection) {
        Ok(sql) => sql,
        Err(error) => return tracing::error!(%error, "a reader of the store could not start"),
    };
    let mut reader = Reader { connection, sql };
    for question in queue {
        question(&mut reader);
    }
}

impl Reader<'_> {
    fn at_one_moment<T>(&mut self, question: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.connection.execute_batch("BEGIN").map_err(errors::of_sqlite)?;
        let answer = question(self);
        self.connection.execute_batch("COMMIT").map_err(errors::of_sqlite)?;
        answer
    }
}

/// The store was closed, or the thread that should have answered is gone.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}
