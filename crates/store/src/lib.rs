//! Where is it kept? SQLite, memory, blobs, and one conformance suite for all of them.
