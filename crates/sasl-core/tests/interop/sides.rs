//! The two sides of an exchange, whoever plays them.

/// What either side has after success. What goes wrong is told in words.
pub(crate) trait Side {
    /// The bits of the layer; 0 where there is none.
    fn ssf(&mut self) -> Result<u32, String>;
    /// The most that one packet holds.
    fn limit(&mut self) -> Result<usize, String>;
    fn wrap(&mut self, plain: &[u8]) -> Result<Vec<u8>, String>;
    fn unwrap(&mut self, wire: &[u8]) -> Result<Vec<u8>, String>;
    /// Makes ready for another exchange of the same two, on another connection.
    fn again(&mut self);
}

/// A client.
pub(crate) trait Client: Side {
    fn begin(&mut self) -> Result<Begun, String>;
    fn challenge(&mut self, challenge: &[u8]) -> Result<Vec<u8>, String>;
    fn success(&mut self, data: Option<&[u8]>) -> Result<(), String>;
}

/// A server.
pub(crate) trait Server: Side {
    /// Names, separated by blanks.
    fn offer(&mut self) -> Result<String, String>;
    fn begin(&mut self, mechanism: &str, initial: Option<&[u8]>) -> Said;
    fn response(&mut self, response: &[u8]) -> Said;
    /// After success: who authenticated, and as whom they act.
    fn names(&mut self) -> Result<[Vec<u8>; 2], String>;
}

/// How a client begins.
pub(crate) struct Begun {
    pub(crate) mechanism: String,
    pub(crate) initial: Option<Vec<u8>>,
}

/// What a server said.
pub(crate) enum Said {
    Challenge(Vec<u8>),
    Success(Option<Vec<u8>>),
    Failure(String),
}

/// An exchange that succeeded, as both say.
pub(crate) struct Played {
    pub(crate) mechanism: String,
    pub(crate) challenges: usize,
}

/// More than any mechanism has.
const MOST_CHALLENGES: usize = 8;

/// An exchange up to its end. The one that does not succeed says why.
pub(crate) fn converse(client: &mut dyn Client, server: &mut dyn Server) -> Result<Played, String> {
    let of_client = |reason| format!("client: {reason}");
    let Begun { mechanism, initial } = client.begin().map_err(of_client)?;
    let mut said = server.begin(&mechanism, initial.as_deref());
    for challenges in 0..MOST_CHALLENGES {
        match said {
            Said::Challenge(challenge) => {
                said = server.response(&client.challenge(&challenge).map_err(of_client)?);
            }
            Said::Success(data) => {
                client.success(data.as_deref()).map_err(of_client)?;
                return Ok(Played { mechanism, challenges });
            }
            Said::Failure(reason) => return Err(format!("server: {reason}")),
        }
    }
    Err("there is no end to it".into())
}
