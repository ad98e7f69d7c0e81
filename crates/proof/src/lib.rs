//! How is it proven? The Merkle log, checkpoints, statements, bundles and verify.
