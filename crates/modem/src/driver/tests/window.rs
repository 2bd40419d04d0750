//! Several publishes are unconfirmed at once.

use super::*;

/// A connected driver with this window, and what becomes of its requests.
struct Window {
    bench: Bench,
    asked: Vec<Ticket>,
    ended: Vec<(usize, Result<Outcome, Fault>)>,
}

impl Window {
    fn of(publishes: u32) -> Window {
        let mut bench = Bench::connected("lierda-nt26e");
        let mut overrides = Overrides::default();
        overrides.set_window(publishes).unwrap();
        let module = bench.driver.module.as_mut().unwrap();
        module.profile = Arc::new(module.profile.with(&overrides));
        Window { bench, asked: Vec::new(), ended: Vec::new() }
    }

    fn submit(&mut self, request: Request) -> &mut Window {
        self.asked.push(self.bench.driver.submit(self.bench.now, request).unwrap());
        self
    }

    /// Asks for so many publishes.
    fn publish(&mut self, qos: QoS, count: usize) -> &mut Window {
        for _ in 0..count {
            self.submit(Request::Publish(message(qos, b"x")));
        }
        self
    }

    fn drain(&mut self) {
        while let Some(output) = self.bench.driver.poll(self.bench.now) {
            match output {
                Output::Event(event) => self.bench.events.push(event),
                Output::Done(ticket, outcome) => {
                    let place = self.asked.iter().position(|asked| *asked == ticket).unwrap();
                    self.ended.push((place, outcome));
                }
            }
        }
    }

    fn written(&mut self) -> String {
        let mut written = Vec::new();
        while !self.bench.driver.transmit().is_empty() {
            written.extend_from_slice(self.bench.driver.transmit());
            let count = self.bench.driver.transmit().len();
            self.bench.driver.transmitted(self.bench.now, count);
        }
        self.drain();
        String::from_utf8_lossy(&written).trim_end().to_owned()
    }

    fn say(&mut self, lines: &str) -> &mut Window {
        self.bench.driver.receive(self.bench.now, format!("\r\n{lines}\r\n").as_bytes());
        self.drain();
        self
    }

    /// The driver has to send this command, and is given this answer.
    fn answer(&mut self, command: &str, answer: &str) -> &mut Window {
        assert_eq!(self.written(), command);
        self.say(answer)
    }

    /// The driver has to send a publish with this message identifier, and the module takes it.
    fn takes(&mut self, message_id: u16) -> &mut Window {
        self.answer(&format!("AT+LMQTTPUB=0,{message_id},1,0,\"t\",1,\"x\""), "OK")
    }

    fn wait(&mut self, wait: Duration) -> &mut Window {
        self.bench.now += wait;
        self.drain();
        self
    }

    fn ended(&mut self) -> Vec<(usize, Result<Outcome, Fault>)> {
        std::mem::take(&mut self.ended)
    }
}

const DELIVERED: Result<Outcome, Fault> = Ok(Outcome::Published(Delivery::Delivered { retransmissions: 0 }));

fn unconfirmed(why: Unconfirmed) -> Result<Outcome, Fault> {
    Ok(Outcome::Published(Delivery::Unconfirmed(why)))
}

#[test]
fn so_many_go_out_and_no_more_and_each_gets_its_own_report() {
    let mut window = Window::of(3);
    window.publish(QoS::AtLeastOnce, 5);
    window.takes(1).takes(2).takes(3);
    assert_eq!(window.written(), "", "the window is full");
    window.say("+LMQTTPUB: 0,2,0");
    assert_eq!(window.ended(), [(1, DELIVERED)]);
    window.takes(4);
    assert_eq!(window.written(), "");
    // The one on the line, and one that is not.
    window.say("+LMQTTPUB: 0,4,0\r\n\r\n+LMQTTPUB: 0,1,2");
    window.takes(5).say("+LMQTTPUB: 0,5,0\r\n\r\n+LMQTTPUB: 0,3,0");
    let ended = window.ended();
    assert_eq!(ended[0], (3, DELIVERED));
    assert!(matches!(&ended[1], (0, Err(Fault::Publish(_)))), "{ended:?}");
    assert_eq!(ended[2..], [(4, DELIVERED), (2, DELIVERED)]);
    assert!(window.bench.driver.is_idle());
}

#[test]
fn with_a_window_of_one_each_waits_for_the_report_on_the_one_before() {
    let mut window = Window::of(1);
    window.publish(QoS::AtLeastOnce, 2).submit(Request::Raw(Box::new(Command::execute("+CSQ"))));
    window.takes(1);
    assert_eq!(window.written(), "");
    window.say("+LMQTTPUB: 0,1,0").takes(2);
    assert_eq!(window.written(), "");
    window.say("+LMQTTPUB: 0,2,0").answer("AT+CSQ", "OK");
    assert_eq!(window.ended().len(), 3);
}

#[test]
fn a_publish_that_nobody_waits_behind_is_not_set_aside() {
    let mut window = Window::of(3);
    window.publish(QoS::AtLeastOnce, 1).takes(1);
    assert!(window.bench.driver.aside.is_empty());
    window.say("+LMQTTPUB: 0,1,0");
    assert_eq!(window.ended(), [(0, DELIVERED)]);
}

#[test]
fn other_requests_of_the_session_go_beside_and_its_end_waits() {
    let mut window = Window::of(2);
    window.publish(QoS::AtLeastOnce, 2).submit(Request::Raw(Box::new(Command::execute("+CSQ").information("+CSQ"))));
    window.submit(Request::Disconnect);
    window.takes(1).takes(2).answer("AT+CSQ", "+CSQ: 1,99\r\n\r\n+LMQTTPUB: 0,1,0\r\n\r\nOK");
    assert_eq!(window.written(), "", "there is still one to be reported");
    window.say("+LMQTTPUB: 0,2,0");
    assert_eq!(window.written(), "AT+LMQTTDISC=0");
    let ended: Vec<usize> = window.ended().into_iter().map(|(place, _)| place).collect();
    assert_eq!(ended, [0, 2, 1]);
}

#[test]
fn a_report_that_does_not_come_leaves_its_message_unconfirmed_and_no_other() {
    let mut window = Window::of(2);
    window.publish(QoS::AtLeastOnce, 1).takes(1).wait(30 * SECOND);
    window.publish(QoS::AtLeastOnce, 1).takes(2).wait(15 * SECOND);
    assert_eq!(window.ended(), [(0, unconfirmed(Unconfirmed::NoReport))]);
    // The module is asked whether it still has the connection, beside the other.
    window.answer("AT+LMQTTCONN?", "+LMQTTCONN: 0,3\r\n\r\nOK").say("+LMQTTPUB: 0,2,0");
    assert_eq!(window.ended(), [(1, DELIVERED)]);
    window.say("+LMQTTPUB: 0,1,0");
    assert_eq!(window.bench.events, [Event::LateResult { message_id: 1 }]);
}

#[test]
fn the_end_of_the_connection_leaves_all_of_them_unconfirmed() {
    for (line, why) in
        [("+LMQTTURC: STATS,0,1", Unconfirmed::LinkLost), ("^boot.rom'v!\r\n\r\nLierda", Unconfirmed::Restarted)]
    {
        let mut window = Window::of(4);
        window.publish(QoS::AtLeastOnce, 3).takes(1).takes(2).takes(3).say(line);
        let mut ended = window.ended();
        ended.sort_by_key(|(place, _)| *place);
        let expected: Vec<_> = (0..3).map(|place| (place, unconfirmed(why.clone()))).collect();
        assert_eq!(ended, expected, "{line}");
        assert_eq!(window.bench.driver.link(), LinkState::Down);
    }
}

#[test]
fn a_time_out_on_the_line_leaves_what_was_set_aside_alone() {
    let mut window = Window::of(2);
    window.publish(QoS::AtLeastOnce, 1).submit(Request::Raw(Box::new(Command::execute("+CSQ"))));
    window.takes(1);
    assert_eq!(window.written(), "AT+CSQ");
    window.wait(3 * SECOND).say("+LMQTTPUB: 0,1,0");
    let ended = window.ended();
    assert!(matches!(&ended[0], (1, Err(Fault::TimedOut { .. }))), "{ended:?}");
    assert_eq!(ended[1..], [(0, DELIVERED)]);
}

#[test]
fn at_qos_0_nothing_is_told_apart_on_a_model_that_wants_no_identifier() {
    let mut window = Window::of(4);
    let module = window.bench.driver.module.as_mut().unwrap();
    let mut profile = (*module.profile).clone();
    profile.rules.qos0_message_id.value = crate::MessageIdRule::Zero;
    module.profile = Arc::new(profile);
    window.publish(QoS::AtMostOnce, 2);
    window.answer("AT+LMQTTPUB=0,0,0,0,\"t\",1,\"x\"", "OK");
    assert_eq!(window.written(), "");
    window.say("+LMQTTPUB: 0,0,0").answer("AT+LMQTTPUB=0,0,0,0,\"t\",1,\"x\"", "OK\r\n\r\n+LMQTTPUB: 0,0,0");
    assert_eq!(window.ended().len(), 2);
}
