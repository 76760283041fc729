//! NetFlow 9 as a router exports it: packets of 24 flows of 18 fields, and the template once in twenty packets.

use super::world::{Random, World, mixed};

/// Element and length of each field, as in Cisco's own example of a flow record.
const FIELDS: &[(u16, u16)] = &[
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 2),
    (14, 2),
    (2, 4),
    (1, 4),
    (22, 4),
    (21, 4),
    (7, 2),
    (11, 2),
    (6, 1),
    (4, 1),
    (5, 1),
    (9, 1),
    (13, 1),
    (16, 2),
    (17, 2),
];
const FLOWS: u16 = 24;
const TEMPLATE: u16 = 260;

/// Writes the next packet; how many flows it has.
pub fn write(world: &mut World, to: &mut Vec<u8>) -> u64 {
    let with_template = world.line.is_multiple_of(20);
    world.tick();
    let uptime = (world.now - 1_795_000_000_000) as u32;
    put(to, &[9, FLOWS + u16::from(with_template)]);
    for number in [uptime, (world.now / 1000) as u32, world.line as u32, 1] {
        to.extend(number.to_be_bytes());
    }
    if with_template {
        put(
            to,
            &[0, 8 + 4 * FIELDS.len() as u16, TEMPLATE, FIELDS.len() as u16],
        );
        for (element, length) in FIELDS {
            put(to, &[*element, *length]);
        }
    }
    let length: u16 = FIELDS.iter().map(|(_, length)| length).sum();
    let content = length * FLOWS;
    let padding = (4 - content % 4) % 4;
    put(to, &[TEMPLATE, 4 + content + padding]);
    for _ in 0..FLOWS {
        flow(&mut world.random, uptime, to);
    }
    to.extend((0..padding).map(|_| 0));
    u64::from(FLOWS)
}

fn flow(random: &mut Random, uptime: u32, to: &mut Vec<u8>) {
    let inside = 0x0a14_0000 + random.skewed(4096, 2) as u32;
    let outside = 0x0b00_0000 + (mixed(random.skewed(60_000, 3)) as u32 >> 2);
    let lasted = random.size(14) as u32;
    let ended = uptime - random.size(12) as u32;
    for number in [inside, outside, 0xc633_6401] {
        to.extend(number.to_be_bytes());
    }
    put(to, &[3 + random.below(4) as u16, 1]);
    for number in [
        random.size(8) as u32,
        random.size(20) as u32,
        ended - lasted,
        ended,
    ] {
        to.extend(number.to_be_bytes());
    }
    put(
        to,
        &[
            32_768 + random.below(28_232) as u16,
            [443, 53, 80, 22][random.skewed(4, 2) as usize],
        ],
    );
    let protocol = if random.below(4) == 0 { 17 } else { 6 };
    to.extend([0x1b, protocol, 0, 24, [16, 20, 22, 24][random.below(4) as usize]]);
    put(to, &[64_512, 1000 + random.skewed(3000, 2) as u16]);
}

fn put(to: &mut Vec<u8>, numbers: &[u16]) {
    to.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
}
