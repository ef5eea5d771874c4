//! How AWS or the sandbox is reached: the runtime, the clients, and the world that is kept.
