//! The AWS edge: clients, role sessions, pacing, retry classes, error translation. Every attempt of every call goes through `Aws::call`.
