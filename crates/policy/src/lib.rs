//! What is allowed? Principals, decisions, approvals and budgets.
