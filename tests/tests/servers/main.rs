//! The test servers, the fault proxy and the seeded data are what the other tests believe them to be.

mod fault_proxy;
mod processes;
mod seeded_data;
mod stores;
