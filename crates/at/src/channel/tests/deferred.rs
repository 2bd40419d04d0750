//! Several commands wait for their results, and each gets its own.

use super::*;
use crate::Stage;

fn publish(message_id: i64) -> CommandBuilder {
    let progress = |fields: crate::Fields<'_>| match fields.clone().int::<i64>() {
        Ok(1) => Progress::Intermediate,
        _ => Progress::Final,
    };
    Command::set("+LMQTTPUB")
        .int(0)
        .int(message_id)
        .result_when(&["+LMQTTPUB"], &[0, message_id], progress)
        .deferrable(true)
        .within(30 * SECOND)
}

fn bench(messages: i64) -> (Bench, Vec<DeferredId>) {
    let mut line = Bench::new();
    let mut ids = Vec::new();
    for message_id in 1..=messages {
        line.send(publish(message_id));
        assert_eq!(line.channel.defer(), None, "the module has not taken it yet");
        line.receive(b"\r\nOK\r\n");
        ids.push(line.channel.defer().unwrap());
        assert!(line.channel.is_idle());
    }
    assert_eq!(line.events(), [""; 0]);
    (line, ids)
}

/// What has become of those that were set aside.
fn settled(line: &mut Bench) -> Vec<(DeferredId, Result<i64, Fault>)> {
    let mut settled = Vec::new();
    while let Some(event) = line.channel.poll() {
        if let Event::Settled(id, outcome) = event {
            settled.push((id, outcome.map(|answer| answer.result().unwrap().int().unwrap())));
        }
    }
    settled
}

#[test]
fn results_find_their_commands_in_any_order_and_within_answers_to_others() {
    let (mut line, ids) = bench(3);
    line.send(signal());
    line.receive(b"\r\n+LMQTTPUB: 0,3,0\r\n\r\n+CSQ: 20,99\r\n\r\n+LMQTTPUB: 0,1,2\r\n\r\nOK\r\n+LMQTTPUB: 0,2,0\r\n");
    let mut seen = Vec::new();
    while let Some(event) = line.channel.poll() {
        seen.push(match event {
            Event::Settled(id, Ok(answer)) => (Some(id), answer.result().unwrap().int::<i64>().unwrap()),
            Event::Done(Ok(answer)) => (None, answer.information("+CSQ").unwrap().int().unwrap()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, [(Some(ids[2]), 0), (Some(ids[0]), 2), (None, 20), (Some(ids[1]), 0)]);
}

#[test]
fn a_result_of_nobody_is_unsolicited() {
    let (mut line, ids) = bench(1);
    line.receive(b"\r\n+LMQTTPUB: 0,9,0\r\n\r\n+LMQTTPUB: 0,1,0\r\n");
    assert_eq!(settled(&mut line), [(ids[0], Ok(0))]);
    line.receive(b"\r\n+LMQTTPUB: 0,1,0\r\n");
    assert_eq!(line.events(), ["unsolicited +LMQTTPUB: 0,1,0"]);
}

#[test]
fn each_has_its_own_time_and_a_result_that_is_not_the_last_word_gives_it_more() {
    let (mut line, ids) = bench(1);
    line.wait(20 * SECOND);
    line.send(publish(2));
    line.receive(b"\r\nOK\r\n");
    let second = line.channel.defer().unwrap();
    assert_eq!(line.channel.deadline(), Some(Time::ZERO + 30 * SECOND));
    line.receive(b"\r\n+LMQTTPUB: 0,2,1\r\n");
    line.wait(10 * SECOND);
    let late = Fault::TimedOut { stage: Stage::Result, after: 30 * SECOND };
    assert_eq!(settled(&mut line), [(ids[0], Err(late.clone()))]);
    assert!(!line.channel.is_in_doubt(), "a result that carries its own keys puts nothing in doubt");
    assert_eq!(line.channel.deadline(), Some(Time::ZERO + 50 * SECOND));
    line.wait(20 * SECOND);
    assert_eq!(settled(&mut line), [(second, Err(late))]);
    assert_eq!(line.channel.deadline(), None);
}

#[test]
fn a_time_that_is_up_for_one_leaves_the_command_on_the_line_alone() {
    let (mut line, ids) = bench(1);
    line.wait(29 * SECOND);
    line.send(signal());
    line.wait(SECOND);
    assert_eq!(settled(&mut line).len(), ids.len());
    line.receive(b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n");
    assert_eq!(line.events(), ["done [+CSQ: 20,99]"]);
}

#[test]
fn a_link_that_is_lost_and_a_restart_end_all_of_them() {
    for end in [Channel::forgo_deferred, Channel::abandon] {
        let (mut line, ids) = bench(2);
        end(&mut line.channel);
        let ended: Vec<_> = ids.into_iter().map(|id| (id, Err(Fault::Abandoned))).collect();
        assert_eq!(settled(&mut line), ended);
        assert!(!line.channel.is_in_doubt() && line.channel.deadline().is_none());
    }
}

#[test]
fn they_go_on_waiting_while_the_line_is_in_doubt() {
    let (mut line, ids) = bench(1);
    line.send(signal());
    line.wait(3 * SECOND);
    assert!(line.channel.is_in_doubt());
    line.receive(b"\r\n+LMQTTPUB: 0,1,0\r\n");
    assert_eq!(settled(&mut line), [(ids[0], Ok(0))]);
}

#[test]
fn what_cannot_be_told_apart_is_not_set_aside() {
    let mut line = Bench::new();
    line.send(open());
    line.receive(b"\r\nOK\r\n");
    assert_eq!(line.channel.defer(), None);
    assert!(!line.channel.is_idle());
    line.receive(b"\r\n+LMQTTOPEN: 0,0\r\n");
    assert_eq!(line.events(), ["done [] => +LMQTTOPEN: 0,0"]);
}

#[test]
fn a_command_that_nobody_waits_for_any_more_leaves_the_line_when_the_module_has_taken_it() {
    // Its result is told all the same, if it can be no other's.
    let mut line = Bench::new();
    line.send(publish(1));
    assert_eq!(line.channel.release(), Released::Held);
    line.receive(b"\r\nOK\r\n");
    let Released::Aside(id) = line.channel.release() else { panic!("the module has taken it") };
    assert!(line.channel.is_idle());
    line.receive(b"\r\n+LMQTTPUB: 0,1,0\r\n");
    assert_eq!(settled(&mut line), [(id, Ok(0))]);

    let mut line = Bench::new();
    line.send(open());
    assert_eq!(line.channel.release(), Released::Held);
    line.receive(b"\r\nOK\r\n");
    assert_eq!(line.channel.release(), Released::Over);
    assert_eq!(line.events(), ["failed: the command was given up"]);
    line.receive(b"\r\n+LMQTTOPEN: 0,0\r\n");
    assert_eq!(line.events(), ["unsolicited +LMQTTOPEN: 0,0"]);

    // A command without a result line is answered like any other.
    line.send(signal());
    assert_eq!(line.channel.release(), Released::Held);
    line.receive(b"\r\n+CSQ: 20,99\r\n");
    assert_eq!(line.channel.release(), Released::Held);
    line.receive(b"\r\nOK\r\n");
    assert_eq!(line.events(), ["done [+CSQ: 20,99]"]);
    assert_eq!(line.channel.release(), Released::Held, "there is none");
}

#[test]
fn a_command_that_is_given_up_unanswered_leaves_the_line_in_doubt() {
    let mut line = Bench::new();
    line.channel.submit(line.now, signal().done().into_parts().0).unwrap();
    assert_eq!(line.channel.give_up(), Released::Held, "it is still to be written");
    line.channel.transmitted(line.now, line.channel.transmit().len());
    assert_eq!(line.channel.give_up(), Released::Over);
    assert!(line.channel.is_in_doubt());
    assert_eq!(line.events(), ["failed: the command was given up"]);

    // A result that can be no other's is told whenever it comes, and the OK that is late is nobody's.
    let mut line = Bench::new();
    line.send(publish(1));
    let Released::Aside(id) = line.channel.give_up() else { panic!("it is written") };
    assert!(line.channel.is_in_doubt() && line.channel.is_idle());
    line.receive(b"\r\n+LMQTTPUB: 0,1,0\r\n\r\nOK\r\n");
    assert_eq!(settled(&mut line), [(id, Ok(0))]);
    assert!(line.channel.is_in_doubt());
}

#[test]
fn a_command_with_data_is_not_given_up() {
    let mut line = Bench::new();
    line.send(publish(1).data(DataPhase::counted(b"abc".to_vec(), 5 * SECOND)));
    assert_eq!(line.channel.give_up(), Released::Held, "the module may ask for its data");
    line.receive(b"\r\n> ");
    line.channel.transmitted(line.now, line.channel.transmit().len());
    assert_eq!(line.channel.give_up(), Released::Held);
}

#[test]
fn an_answer_is_kept_however_many_events_wait() {
    let mut line = Bench::with(ChannelOptions { events: 1, ..ChannelOptions::default() });
    line.send(publish(1));
    line.receive(b"\r\nOK\r\n");
    let id = line.channel.defer().unwrap();
    line.receive(b"\r\nA\r\n\r\nB\r\n\r\n+LMQTTPUB: 0,1,0\r\n");
    assert_eq!(settled(&mut line), [(id, Ok(0))]);
}

#[test]
fn the_pieces_do_not_matter() {
    let bytes = b"\r\n+LMQTTPUB: 0,3,0\r\n\r\n+CSQ: 20,99\r\n\r\n+LMQTTPUB: 0,1,2\r\n\r\nOK\r\n\r\n+LMQTTPUB: 0,2,1\r\n\r\n+LMQTTPUB: 0,2,0\r\n";
    let events = |cuts: [usize; 2]| {
        let (mut line, _) = bench(3);
        line.send(signal());
        line.receive(&bytes[..cuts[0]]).receive(&bytes[cuts[0]..cuts[1]]).receive(&bytes[cuts[1]..]);
        line.events()
    };
    let whole = events([0, 0]);
    assert_eq!(whole.len(), 4, "{whole:?}");
    for second in 0..=bytes.len() {
        for first in 0..=second {
            assert_eq!(events([first, second]), whole, "{first}, {second}");
        }
    }
}
