mod arbitrary;
mod damage;
mod forged;
mod limits;
mod whole;
mod writer;
