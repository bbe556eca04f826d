//! What the tests of several pages do with a browser.

use crate::support::browser::Browser;
use crate::support::client::Answer;

/// The page's HTML.
#[track_caller]
pub(crate) fn page(browser: &Browser, path: &str) -> String {
    html(browser.page(path).expect(200))
}

/// An answer's HTML.
pub(crate) fn html(answer: Answer) -> String {
    String::from_utf8(answer.body).unwrap()
}

/// Submits a form of one of Herald's pages.
#[track_caller]
pub(crate) fn submit(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("csrf_token", browser.csrf.as_deref().unwrap())];
    all.extend(fields);
    browser.submit(path, &all)
}

/// Where a form leads to.
#[track_caller]
pub(crate) fn led(answer: Answer) -> String {
    answer.expect(303).header("location").unwrap().to_owned()
}

/// The list of a page, without the fields of its filters.
#[track_caller]
pub(crate) fn list(browser: &Browser, path: &str) -> String {
    let page = page(browser, path);
    let (_, list) = page.split_once("<section id=\"list\">").expect("a list");
    list.split_once("</section>").expect("its end").0.to_owned()
}

/// The first address of this beginning in a page.
#[track_caller]
pub(crate) fn link(html: &str, begin: &str) -> String {
    let found = html
        .split("href=\"")
        .skip(1)
        .map(|it| it.split('"').next().unwrap());
    let mut fitting = found.filter(|href| href.starts_with(begin));
    fitting
        .next()
        .unwrap_or_else(|| panic!("no link to {begin} in {html}"))
        .replace("&amp;", "&")
}
