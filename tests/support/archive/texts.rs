//! The bytes of a log, segment by segment.

use logferry::model::time::Moment;

use super::fleet::{Planned, Text, mixed};

/// The bytes of each segment of a stream. Where lines are torn, their ends are in the next segment; the last line of such a
/// stream has no end.
pub(super) fn of_stream(planned: &Planned) -> Vec<Vec<u8>> {
    let count = planned.spans.len();
    let mut carried = Vec::new();
    let mut segments = Vec::new();
    for (index, (first, last)) in planned.spans.iter().enumerate() {
        let mut bytes = std::mem::take(&mut carried);
        let seed = mixed(&[planned.number, planned.kind.name.len() as u64, index as u64]);
        lines(planned, index, seed, (*first, *last), &mut bytes);
        let keep = match planned.kind.text {
            Text::Torn => bytes.len() - 1 - usize::try_from(seed % 30).expect("small"),
            // Between CR and LF.
            Text::Crlf if seed.is_multiple_of(20) => bytes.len() - 1,
            _ => bytes.len(),
        };
        carried = bytes.split_off(keep);
        if index + 1 == count && planned.kind.text != Text::Torn {
            bytes.append(&mut carried);
        }
        segments.push(bytes);
    }
    segments
}

/// A few lines, the first of them at the first moment of the segment, the last of them at its last.
fn lines(planned: &Planned, index: usize, seed: u64, (first, last): (Moment, Moment), bytes: &mut Vec<u8>) {
    let count = 3 + i64::try_from(seed % 3).expect("small");
    for number in 0..count {
        let nanos = (last.nanos() - first.nanos()) / (count - 1) * number;
        let when = Moment::from_nanos(first.nanos() + nanos).to_second();
        let what = Line { planned, index, number, random: mixed(&[seed, number.unsigned_abs()]) };
        what.write(&when, bytes);
    }
}

struct Line<'p> {
    planned: &'p Planned,
    index: usize,
    number: i64,
    random: u64,
}

impl Line<'_> {
    fn write(&self, when: &str, bytes: &mut Vec<u8>) {
        let Self { planned, index, number, random } = self;
        let (name, instance) = (planned.kind.name, &planned.instance);
        let plain = format!("{when} {instance} {name}[{index}]: request {random:016x} took {} ms", random % 900);
        let text: Vec<u8> = match planned.kind.text {
            Text::Plain | Text::Torn => format!("{plain}\n").into(),
            Text::Crlf => format!("{plain}\r\n").into(),
            Text::Json => {
                format!("{{\"time\":\"{when}\",\"level\":\"info\",\"id\":{random},\"text\":\"{name} \\\"done\\\"\"}}\n")
                    .into()
            }
            Text::Traces => {
                format!("{plain}\nTraceback (most recent call last):\n  File \"w.py\", line {number}\n\n").into()
            }
            Text::Quoted => format!("{when},\"{name}\tsaid: \"\"no\"\"\", '{random}\\' \"{number}\n").into(),
            Text::Latin => [plain.as_bytes(), b" \xfcber \xff\xfe\xc3(\n"].concat(),
            Text::Raw => [plain.as_bytes(), b" \0\x01\r\x1b[0m\x7f \0\n"].concat(),
            Text::Long if planned.number == 1 && *index == 0 && *number == 0 => {
                [plain.as_bytes(), &b" 0123456789abcdef".repeat(200_000), b"\n"].concat()
            }
            Text::Long => format!("{plain} {}\n", "=".repeat(3000)).into(),
        };
        bytes.extend(text);
    }
}
