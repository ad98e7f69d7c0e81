//! What happened? Events, their exact bytes, and a run as a fold over them.
