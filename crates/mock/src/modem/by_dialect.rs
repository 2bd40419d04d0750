//! Which command set a model has.

use super::{
    command_set::Commands, dialect::Dialect, eigencomm::Eigencomm, files::Files, lierda::Lierda, onemo::OneMo,
    options::ModemOptions, quectel::Quectel, simcom::Simcom,
};

/// The commands of a model as they are at power-up. `sockets`: as many were dialled before; `files`: those that are kept.
pub(super) fn commands(options: &ModemOptions, sockets: u64, files: Files) -> Box<dyn Commands> {
    match options.model.dialect {
        Dialect::Lmqtt => Box::new(Lierda::new(options, sockets)),
        Dialect::Ecmt => Box::new(Eigencomm::new(options, sockets)),
        Dialect::OneMo => Box::new(OneMo::new(options, sockets)),
        Dialect::Cmqtt(kind) => Box::new(Simcom::new(kind, options, sockets, files)),
        Dialect::Qmt(kind) => Box::new(Quectel::new(kind, options, sockets, files)),
    }
}
