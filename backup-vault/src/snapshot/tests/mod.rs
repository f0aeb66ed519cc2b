mod arbitrary;
mod damage;
mod forged;
mod golden;
mod limits;
mod whole;
pub(crate) mod writer;
