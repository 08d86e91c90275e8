//! A service that logs objects of JSON, one a line, with the identifiers of a tracing system.

use super::Source;
use crate::random::scrambled;

const ROUTES: [(&str, &str, &str); 7] = [
    ("GET", "/v1/orders/{id}", "OrderController.show"),
    ("POST", "/v1/orders", "OrderController.create"),
    ("GET", "/v1/customers/{id}", "CustomerController.show"),
    ("GET", "/v1/inventory", "InventoryController.index"),
    ("PUT", "/v1/cart/{id}", "CartController.update"),
    ("GET", "/healthz", "Health.check"),
    ("POST", "/v1/payments", "PaymentController.create"),
];

/// The lines of one request: it begins, asks the database and others a few times, and ends.
pub(super) fn line(source: &mut Source) {
    let trace = (source.random.next(), source.random.next());
    let (method, route, handler) = source.random.pick_skewed(&ROUTES);
    let user = source.random.skewed(50_000);
    begin(source, "info", handler, trace);
    source.put(format_args!(
        "\"msg\":\"request started\",\"http\":{{\"method\":\"{method}\",\"route\":\"{route}\"}},\"user_id\":\"u_{user:06}\"}}\n"
    ));
    for _ in 0..source.random.below(4) {
        let (micros, rows) = (source.random.long_tail(700), source.random.long_tail(3));
        begin(source, "debug", "db.pool", trace);
        source.put(format_args!(
            "\"msg\":\"query\",\"db\":{{\"statement\":\"SELECT * FROM orders WHERE customer_id = $1 ORDER BY created_at DESC LIMIT 20\",\
             \"rows\":{rows},\"duration_us\":{micros}}}}}\n"
        ));
    }
    if source.random.happens(30) {
        let (attempt, peer) = (1 + source.random.below(3), source.random.skewed(12));
        begin(source, "warn", "upstream", trace);
        source.put(format_args!(
            "\"msg\":\"upstream timed out, trying again\",\"peer\":\"10.0.7.{peer}:8443\",\"attempt\":{attempt},\"timeout_ms\":2000}}\n"
        ));
    }
    let status = if source.random.happens(25) { 500 } else { 200 };
    let (micros, bytes) = (source.random.long_tail(9_000), source.random.long_tail(900));
    begin(source, if status == 200 { "info" } else { "error" }, handler, trace);
    source.put(format_args!(
        "\"msg\":\"request completed\",\"http\":{{\"method\":\"{method}\",\"route\":\"{route}\",\"status\":{status},\
         \"bytes\":{bytes}}},\"user_id\":\"u_{user:06}\",\"duration_ms\":{}.{:03}}}\n",
        micros / 1000,
        micros % 1000
    ));
}

fn begin(source: &mut Source, level: &str, logger: &str, (high, low): (u64, u64)) {
    source.wait(1_500);
    let (date, span) = (source.date(), scrambled(source.clock, low));
    source.put(format_args!(
        "{{\"ts\":\"{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z\",\"level\":\"{level}\",\"service\":\"checkout\",\
         \"version\":\"4.17.2\",\"pod\":\"checkout-7d9f6b5c48-x2kqp\",\"logger\":\"{logger}\",\
         \"trace_id\":\"{high:016x}{low:016x}\",\"span_id\":\"{span:016x}\",",
        date.year, date.month, date.day, date.hour, date.minute, date.second, date.micros
    ));
}
