//! A device that does what it is told: takes commands from the broker, and answers each.
//!
//! ```sh
//! cargo run -p atmqtt --example commands -- mqtt://broker.example /dev/ttyUSB0 /dev/ttyUSB4
//! mosquitto_pub -h broker.example -t device-0/commands/ping -m hello
//! ```
//!
//! With several ports it is several devices, each with a module, a connection and a client id of its own, in one thread.

use std::error::Error;

use atmqtt::{Delivery, Event, Message, Modem, ModemEvent, MqttOptions, QoS, Receipt, Reconnect};
use tokio::task::JoinSet;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().ok_or("usage: commands BROKER PORT...")?;
    let mut devices = JoinSet::new();
    for (number, port) in arguments.enumerate() {
        let name = format!("device-{number}");
        let options = MqttOptions::new(broker.parse()?, name.as_str().try_into()?);
        devices.spawn(async move {
            let ended = serve(&port, &name, options).await;
            (name, ended)
        });
    }
    // One that ends does not end the others.
    while let Some(ended) = devices.join_next().await {
        let (name, ended) = ended?;
        eprintln!(
            "{name}: {}",
            ended.err().map_or_else(|| "the modem was closed".to_owned(), |fault| fault.to_string())
        );
    }
    Ok(())
}

/// Answers commands until the port is gone.
async fn serve(port: &str, name: &str, options: MqttOptions) -> Result<(), atmqtt::Error> {
    let modem = Modem::open(port).await?;
    let mut events = modem.events().await?;
    let client = modem.mqtt(options).reconnect(Reconnect::default()).connect().await?;
    let mut commands = client.subscribe(&format!("{name}/commands/+"), QoS::AtLeastOnce).await?;
    eprintln!("{name}: listening");
    loop {
        tokio::select! {
            command = commands.recv() => {
                let Some(command) = command else { return Ok(()) };
                let (topic, answer) = answer(name, &command);
                match client.publish(&topic, answer).qos(QoS::AtLeastOnce).await {
                    // It was sent again, more than once.
                    Ok(Receipt { delivery: Delivery::Unconfirmed(why), .. }) => {
                        eprintln!("{name}: the answer may not have arrived: {why}");
                    }
                    Ok(_) => {}
                    // What others send may be what this module cannot: that ends nothing.
                    Err(atmqtt::Error::Modem(fault)) => eprintln!("{name}: no answer: {fault}"),
                    Err(fault) => return Err(fault),
                }
            }
            event = events.recv() => match event {
                Some(Event::Modem(ModemEvent::Recovery(recovery))) => eprintln!("{name}: {recovery}"),
                Some(Event::MessagesDropped { count, .. }) => eprintln!("{name}: {count} commands came too fast"),
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}

fn answer(name: &str, Message { topic, payload, .. }: &Message) -> (String, Vec<u8>) {
    let command = topic.rsplit('/').next().unwrap_or_default();
    let answer = match command {
        "ping" => payload.clone(),
        _ => format!("{command} is no command").into_bytes(),
    };
    (format!("{name}/answers/{command}"), answer)
}
