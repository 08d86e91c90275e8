//! Java and Python services: lines of a framework's logger, and now and then a stack trace of some of many shapes.

use super::Source;
use crate::random::scrambled;

const LOGGERS: [&str; 8] = [
    "c.e.shop.order.OrderService",
    "c.e.shop.stock.StockClient",
    "o.s.web.servlet.DispatcherServlet",
    "c.z.hikari.pool.HikariPool",
    "c.e.shop.pay.PaymentGateway",
    "o.a.k.clients.consumer.KafkaConsumer",
    "c.e.shop.mail.Mailer",
    "o.h.e.jdbc.spi.SqlExceptionHelper",
];

const PACKAGES: [&str; 10] = [
    "com.example.shop.order",
    "com.example.shop.stock",
    "org.springframework.web.servlet",
    "org.springframework.aop.framework",
    "org.springframework.transaction.interceptor",
    "org.apache.catalina.core",
    "org.apache.tomcat.util.net",
    "jdk.internal.reflect",
    "com.zaxxer.hikari.pool",
    "org.hibernate.engine.jdbc.internal",
];

const CLASSES: [(&str, &str); 10] = [
    ("OrderService", "reserve"),
    ("StockClient", "fetchAvailability"),
    ("FrameworkServlet", "processRequest"),
    ("ReflectiveMethodInvocation", "proceed"),
    ("TransactionInterceptor", "invoke"),
    ("ApplicationFilterChain", "internalDoFilter"),
    ("NioEndpoint$SocketProcessor", "doRun"),
    ("DirectMethodHandleAccessor", "invoke"),
    ("HikariPool", "getConnection"),
    ("StatementPreparerImpl", "prepareStatement"),
];

const EXCEPTIONS: [&str; 5] = [
    "java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after",
    "java.lang.IllegalStateException: stock was reserved by another order, waited",
    "java.net.SocketTimeoutException: Read timed out after",
    "org.springframework.dao.CannotAcquireLockException: could not execute statement, waited",
    "java.util.concurrent.TimeoutException: no answer within",
];

/// How many different stacks a service has.
const STACKS: u64 = 60;

pub(super) fn event(source: &mut Source) {
    match source.random.below(100) {
        0..88 => info(source),
        88..96 => java(source),
        _ => python(source),
    }
}

fn begin(source: &mut Source, level: &str, logger: &str) {
    source.wait(8_000);
    let (date, thread) = (source.date(), source.random.skewed(60));
    source.put(format_args!(
        "{}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} {level:>5} 2817 --- [nio-8080-exec-{thread}] {logger:<40} : ",
        date.year,
        date.month,
        date.day,
        date.hour,
        date.minute,
        date.second,
        date.micros / 1000
    ));
}

fn info(source: &mut Source) {
    let logger = source.random.pick_skewed(&LOGGERS);
    begin(source, "INFO", logger);
    let (order, millis) = (7_000_000 + source.random.below(900_000), source.random.long_tail(20));
    match source.random.below(4) {
        0 => source.put(format_args!("Order {order} was reserved in {millis} ms\n")),
        1 => {
            source.put(format_args!("Order {order}: payment was authorised, reference PAY-{:012X}\n", order * 0x1_6f3b))
        }
        2 => source
            .put(format_args!("Fetched availability of {} articles for order {order} in {millis} ms\n", millis % 17)),
        _ => source.put(format_args!("Completed 200 OK for order {order}, {millis} ms\n")),
    }
}

fn java(source: &mut Source) {
    begin(source, "ERROR", LOGGERS[0]);
    let (order, millis) = (7_000_000 + source.random.below(900_000), source.random.long_tail(3000));
    let (stack, exception) = (source.random.skewed(STACKS), source.random.pick_skewed(&EXCEPTIONS));
    source.put(format_args!("Order {order} could not be reserved\n\n{exception} {millis}ms.\n"));
    for frame in 0..18 + stack % 30 {
        let shape = scrambled(stack * 64 + frame, 6);
        let pick = |bits: u32, count: usize| usize::try_from(shape >> bits).unwrap_or(0) % count;
        let (package, (class, method)) = (PACKAGES[pick(4, PACKAGES.len())], CLASSES[pick(20, CLASSES.len())]);
        let file = class.split('$').next().unwrap_or(class);
        source.put(format_args!("\tat {package}.{class}.{method}({file}.java:{})\n", 20 + shape % 900));
    }
    if stack % 3 == 0 {
        source.put(format_args!(
            "Caused by: java.io.IOException: connection reset by peer\n\t... {} common frames omitted\n\n",
            12 + stack
        ));
    }
}

fn python(source: &mut Source) {
    begin(source, "ERROR", LOGGERS[4]);
    let (stack, task) = (source.random.skewed(STACKS), source.random.next());
    source.put(format_args!(
        "Task shop.tasks.capture[{:08x}-{:04x}-4{:03x}] raised an exception\n",
        task >> 32,
        task >> 16 & 0xffff,
        task & 0xfff
    ));
    source.put(format_args!("Traceback (most recent call last):\n"));
    for frame in 0..4 + stack % 9 {
        let shape = scrambled(stack * 16 + frame, 7);
        let module = ["celery/app/trace", "shop/tasks", "requests/adapters", "urllib3/connectionpool"]
            [usize::try_from(shape % 4).unwrap_or(0)];
        let line = 30 + (shape >> 8) % 700;
        source.put(format_args!(
            "  File \"/opt/venv/lib/python3.11/site-packages/{module}.py\", line {line}, in call_{}\n",
            shape % 97
        ));
        source.put(format_args!("    return self.step_{}(request, timeout=timeout, **kwargs)\n", shape % 89));
    }
    let micros = source.random.long_tail(90_000);
    source.put(format_args!(
        "requests.exceptions.ConnectTimeout: gave up after {}.{:03}s\n",
        micros / 1000,
        micros % 1000
    ));
}
