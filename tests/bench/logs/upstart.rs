//! A job's output as Upstart writes it: a web application's, through a pty, so that each line ends in CRLF.

use super::Source;

const PAGES: [(&str, &str); 6] = [
    ("ProductsController#show", "products/show"),
    ("SearchController#index", "search/index"),
    ("CartsController#show", "carts/show"),
    ("HomeController#index", "home/index"),
    ("SessionsController#new", "sessions/new"),
    ("AccountController#orders", "account/orders"),
];

/// The lines of one request, under its own identifier.
pub(super) fn request(source: &mut Source) {
    let id = (source.random.next(), source.random.next());
    let (action, view) = source.random.pick_skewed(&PAGES);
    let (product, client) = (source.random.skewed(40_000), source.random.skewed(250));
    source.counter += 1;
    tag(source, id);
    source.put(format_args!("Started GET \"/{view}/{product}\" for 10.0.{}.{client} at ", client % 8));
    let date = source.date();
    source.put(format_args!(
        "{}-{:02}-{:02} {:02}:{:02}:{:02} +0000\r\n",
        date.year, date.month, date.day, date.hour, date.minute, date.second
    ));
    tag(source, id);
    source.put(format_args!("Processing by {action} as HTML\r\n"));
    tag(source, id);
    source.put(format_args!("  Parameters: {{\"id\"=>\"{product}\"}}\r\n"));
    let (views, database) = (source.random.long_tail(90), source.random.long_tail(25));
    tag(source, id);
    source.put(format_args!(
        "  Rendered {view}.html.erb within layouts/application (Duration: {}.{}ms | Allocations: {})\r\n",
        views / 10,
        views % 10,
        2000 + views * 31 % 3000
    ));
    tag(source, id);
    source.put(format_args!(
        "Completed 200 OK in {}ms (Views: {}.{}ms | ActiveRecord: {}.{}ms | Allocations: {})\r\n",
        (views + database) / 10,
        views / 10,
        views % 10,
        database / 10,
        database % 10,
        9000 + views * 53 % 9000
    ));
}

fn tag(source: &mut Source, (high, low): (u64, u64)) {
    source.wait(900);
    let (date, level) = (source.date(), if source.random.happens(10) { ('W', "WARN") } else { ('I', "INFO") });
    source.put(format_args!(
        "{}, [{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06} #2817] {:>5} -- : [{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}] ",
        level.0,
        date.year,
        date.month,
        date.day,
        date.hour,
        date.minute,
        date.second,
        date.micros,
        level.1,
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    ));
}
