//! A port that was opened anew: who is at its end is not known until it has been asked.

use super::*;

const MESSAGE: &str = "+LMQTTURC: RECV,0,1,\"t\",2,hi";

#[test]
fn what_reads_like_a_message_is_none_until_the_module_is_known_again() {
    let mut bench = Bench::connected("lierda-nt26e");
    bench.say(MESSAGE);
    assert!(matches!(&bench.events[..], [Event::Message(_)]), "{:?}", bench.events);
    bench.events.clear();

    bench.driver.unplugged(bench.now);
    bench.drain();
    bench.events.clear();
    bench.say(MESSAGE);
    assert!(matches!(&bench.events[..], [Event::Unknown(_)]), "{:?}", bench.events);
    bench.events.clear();

    bench.attach();
    bench.say(MESSAGE);
    assert!(matches!(&bench.events[..], [Event::Message(_)]), "{:?}", bench.events);
}
