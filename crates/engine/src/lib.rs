//! What happens next? Deciding, planners and the worker loop; the outside world is behind ports.
