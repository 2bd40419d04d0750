//! The module's side: one that answers everything as it should, and the phrases that a bad one may mix.

/// What modules say, and what lines make of it.
pub(crate) const PHRASES: &[&[u8]] = &[
    b"\r\nOK\r\n",
    b"\r\nERROR\r\n",
    b"\r\n+CME ERROR: 3\r\n",
    b"\r\n> ",
    b"\r\nCONNECT\r\n",
    b"\r\nSEND OK\r\n",
    b"\r\n+CSQ: 20,99\r\n",
    b"\r\n+CEREG: 2\r\n",
    b"\r\n+CEREG: 3,1\r\n",
    b"\r\n+LMQTTPUB: 0,7,0\r\n",
    b"\r\n+LMQTTPUB: 0,1,0\r\n",
    b"\r\n+LMQTTCONN: 0,1\r\n",
    b"\r\n+LMQTTCONN: 0,0,0\r\n",
    b"\r\n+LMQTTOPEN: 0,-1,2\r\n",
    b"\r\n+LMQTTSUBUNSUB: 0,1,0,1\r\n",
    b"\r\n+CMEE: 1\r\n",
    b"\r\n+CFUN: 1\r\n",
    b"+LMQTTURC: RECV,0,1,\"a/b\",4,\r\nOK\r\n",
    b"+LMQTTURC: RECV,0,1,\"a/b\",60,",
    b"\r\n+LMQTTURC: STATS,0,1\r\n",
    b"\x00^boot.rom'v  '!\n",
    b"\r\nLierda\r\n",
    b"AT+CSQ\r\r\n",
    b"AT\r\r\n",
    b"text",
    b"\r",
    b"\n",
];

/// The right answer of a module that is fine to one command line, or to data.
pub(crate) fn answer(written: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(written);
    let Some(line) = text.strip_suffix('\r').filter(|line| line.starts_with("AT")) else {
        return b"\r\nOK\r\n".to_vec();
    };
    let arguments: Vec<&str> = line.split_once('=').map_or(vec![], |(_, arguments)| arguments.split(',').collect());
    let argument = |index: usize| arguments.get(index).copied().unwrap_or_default();
    let name = line.split(['=', '?']).next().unwrap_or_default();
    let answer = match name {
        _ if line.ends_with("=?") => "OK".to_owned(),
        "AT+CSQ" => "+CSQ: 20,99\r\n\r\nOK".to_owned(),
        "AT+CMEE" if line.ends_with('?') => "+CMEE: 1\r\n\r\nOK".to_owned(),
        "AT+CFUN" if line.ends_with('?') => "+CFUN: 1\r\n\r\nOK".to_owned(),
        "AT+CGMM" => "NT26E\r\n\r\nOK".to_owned(),
        "AT+CPIN" if line.ends_with('?') => "+CPIN: READY\r\n\r\nOK".to_owned(),
        "AT+CEREG" if line.ends_with('?') => "+CEREG: 3,1\r\n\r\nOK".to_owned(),
        "AT+CGATT" if line.ends_with('?') => "+CGATT: 1\r\n\r\nOK".to_owned(),
        "AT+LMQTTOPEN" => "OK\r\n\r\n+LMQTTOPEN: 0,0".to_owned(),
        "AT+LMQTTCONN" if line.contains('=') => "OK\r\n\r\n+LMQTTCONN: 0,0,0".to_owned(),
        "AT+LMQTTCONN" => "+LMQTTCONN: 0,3\r\n\r\nOK".to_owned(),
        "AT+LMQTTDISC" | "AT+LMQTTCLOSE" => "ERROR".to_owned(),
        "AT+LMQTTSUBUNSUB" => format!("OK\r\n\r\n+LMQTTSUBUNSUB: 0,{},0,1", argument(2)),
        // Without the payload in the line it comes after a prompt.
        "AT+LMQTTPUB" if arguments.len() == 6 => return b"\r\n> ".to_vec(),
        "AT+LMQTTPUB" => format!("OK\r\n\r\n+LMQTTPUB: 0,{},0", argument(1)),
        _ => "OK".to_owned(),
    };
    format!("\r\n{answer}\r\n").into_bytes()
}
