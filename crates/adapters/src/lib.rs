//! Who does the outside work? Tools, context sources and the guarded HTTP client.
