//! The simulated AWS. It knows nothing of the rest of orgstrap, and the rest nothing of it but an endpoint.
