//! A web server's access log in the combined format: a shop with assets, an API, and robots.

use super::Source;
use crate::random::scrambled;

/// Where a '#' stands each visitor has a version.
const AGENTS: [&str; 9] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/#.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_# like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.# Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/#.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:#.0) Gecko/20100101 Firefox/#.0",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "ShopApp/5.#.2 (Android 14; SM-S911B) okhttp/4.12.0",
    "python-requests/2.#.1",
];

const ASSETS: [&str; 8] = [
    "/assets/app-6f1c9e0b.js",
    "/assets/vendor-b81d02aa.js",
    "/assets/main-0c44d7f2.css",
    "/fonts/inter-latin.woff2",
    "/favicon.ico",
    "/img/logo.svg",
    "/assets/icons.svg",
    "/manifest.webmanifest",
];

const WORDS: [&str; 12] =
    ["shoes", "jacket", "lamp", "desk", "bottle", "tent", "backpack", "keyboard", "mug", "poster", "scarf", "chair"];

pub(super) fn line(source: &mut Source) {
    source.wait(6_000);
    // A visitor: the address and the browser belong together.
    let visitor = source.random.skewed(20_000);
    let traits = scrambled(visitor, 3);
    let [a, b, c, d, ..] = traits.to_be_bytes();
    let agent = AGENTS[usize::try_from((traits >> 8) % 100 * (30 + traits % 70) * 9 / 10_000).unwrap_or(0)];
    let date = source.date();
    source.put(format_args!(
        "{a}.{b}.{c}.{d} - - [{:02}/{}/{}:{:02}:{:02}:{:02} +0000] ",
        date.day,
        date.month_name(),
        date.year,
        date.hour,
        date.minute,
        date.second
    ));
    match source.random.below(100) {
        0..45 => asset(source),
        45..80 => page(source),
        _ => api(source),
    }
    let version = (traits >> 40) % 40;
    source.put(format_args!(" \""));
    for (number, piece) in agent.split('#').enumerate() {
        match number {
            0 => source.put(format_args!("{piece}")),
            _ => source.put(format_args!("{version}{piece}")),
        }
    }
    source.put(format_args!("\"\n"));
}

/// An asset has the same length each time, or is not sent again.
fn asset(source: &mut Source) {
    let asset = source.random.pick_skewed(&ASSETS);
    let (status, length) = match source.random.happens(300) {
        true => (304, 0),
        false => (200, scrambled(asset.len() as u64, 4) % 300_000),
    };
    let product = source.random.skewed(40_000);
    source.put(format_args!(
        "\"GET {asset} HTTP/2.0\" {status} {length} \"https://shop.example.com/products/{product}\""
    ));
}

fn page(source: &mut Source) {
    let (product, word) = (source.random.skewed(40_000), source.random.pick_skewed(&WORDS));
    let length = 18_000 + scrambled(product, 5) % 30_000;
    match source.random.below(10) {
        0..6 => {
            source.put(format_args!("\"GET /products/{product}-{word} HTTP/2.0\" 200 {length} "));
            source.put(format_args!("\"https://shop.example.com/search?q={word}\""));
        }
        6..9 => {
            let page = source.random.skewed(30);
            source.put(format_args!("\"GET /search?q={word}&page={page} HTTP/2.0\" 200 {length} "));
            source.put(format_args!("\"https://www.google.com/\""));
        }
        _ => source.put(format_args!("\"GET /old/{product}.html HTTP/1.1\" 404 153 \"-\"")),
    }
}

fn api(source: &mut Source) {
    let (user, length) = (source.random.skewed(60_000), source.random.long_tail(600));
    let status = source.random.pick_skewed(&[200, 200, 200, 200, 204, 201, 401, 422, 500]);
    let token = source.random.next() >> 32;
    match source.random.below(3) {
        0 => source.put(format_args!("\"GET /api/v2/users/{user}/cart HTTP/2.0\" {status} {length} \"-\"")),
        1 => source.put(format_args!("\"POST /api/v2/users/{user}/cart/items HTTP/2.0\" {status} {length} \"-\"")),
        _ => source.put(format_args!("\"GET /api/v2/session/{token:08x} HTTP/2.0\" {status} {length} \"-\"")),
    }
}
