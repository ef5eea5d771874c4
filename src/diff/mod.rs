//! What the plan asks for and the inventory lacks, as changes. Pure: equal inputs, equal output.
