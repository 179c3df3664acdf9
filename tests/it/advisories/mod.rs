//! Known vulnerabilities of programs that do what sigmint does, each as the attack on the running server: refused for the right reason,
//! nothing signed, nobody asked who should not be. Each test bears its advisory's name; its comment says what that was.

mod certificates;
mod encrypted;
mod fetching;
mod key_life;
mod keys;
mod load;
mod signatures;
mod tokens;
