//! The page that lies in every bundle.

use affiant_journal::Event;

use crate::checkpoint::Checkpoint;

/// How to check this bundle by hand.
pub(super) fn text(first: &Event, events: usize, checkpoint: &Checkpoint) -> String {
    let (run, origin, size) = (&first.stream, &checkpoint.origin, checkpoint.head.size);
    format!(
        "\
The record of run {run}: {events} events of the log
    {origin}
as it was at {size} events. Nothing here asks you to trust the program that wrote it.

With a verifier and a file that names the keys you trust:
    affiant-verify THIS-FILE --trust trust.json
    python3 verify.py THIS-FILE --trust trust.json

By hand. events.jsonl is the record: one event on each line, exactly the bytes that were hashed.
    tar -xf THIS-FILE
    sed -n 1p events.jsonl | jq .                        what the first event says
    sha256sum blobs/*                                    each blob is named by its own SHA-256
    (printf '\\0'; sed -n 1p events.jsonl | tr -d '\\n') | sha256sum
                                                         the leaf hash of event 0: event 1 repeats it as `prev`
    cat checkpoint                                       the signed head of the log (C2SP signed note)
    jq -r .payload statement.dsse.json | base64 -d | jq .    what the server signed about this bundle

What leads from an event to the signed head: for each level of the tree, from 0, the hash in proofs.json `nodes[level]`
at place (index >> level) ^ 1, on the left when that place is even, as SHA-256(0x01 || left || right). The last hash is
the third line of the checkpoint. Index is the number in `events` at the event's place.

What this shows: these events stood in that log when it was signed, in this order, unchanged.
What it does not show: that the log you see is the one others see. For that, keep checkpoints, and compare them.
The format is documented as docs/record-format.md with the program.
"
    )
}
