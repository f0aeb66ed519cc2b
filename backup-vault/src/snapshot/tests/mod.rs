mod arbitrary;
mod damage;
mod forged;
mod limits;
mod whole;
pub(crate) mod writer;
