//! Makes changes so. The only place that changes AWS.
