//! Registration over HTTPS: `POST /auth/register/device`.

use super::registration::{Given, Refused, Request};
use super::{Aliyun, client_id};
use crate::cloud::text::percent_decoded;
use crate::cloud::{HttpRequest, HttpResponse};

impl Aliyun {
    /// What the cloud's host for registrations answers. The status is 200 where the cloud refuses, too: the code is in the body.
    ///
    /// Devices that nobody has entered are not registered here.
    #[must_use]
    pub fn https(&self, request: &HttpRequest) -> HttpResponse {
        if request.target != "/auth/register/device" {
            return HttpResponse { status: 404, body: r#"{"code":404,"message":"not found"}"#.to_owned() };
        }
        if request.method != "POST" {
            return HttpResponse { status: 405, body: r#"{"code":405,"message":"method not allowed"}"#.to_owned() };
        }
        let body = self.register_form(request).unwrap_or_else(|refused| {
            let (code, message) = refused.code();
            format!("{{\"code\":{code},\"message\":\"{message}\"}}")
        });
        HttpResponse { status: 200, body }
    }

    fn register_form(&self, request: &HttpRequest) -> Result<String, Refused> {
        let is_form = request.header("content-type").is_some_and(|kind| {
            kind.split(';').next().is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded")
        });
        let form = Form::parse(&request.body).filter(|_| is_form).ok_or(Refused::Parameter)?;
        let (product_key, device_name) = (form.text("productKey")?, form.text("deviceName")?);
        let random = form.text("random")?;
        let code = hex::decode(form.text("sign")?).map_err(|_| Refused::Parameter)?;
        // `HmacMD5` is taken too.
        let method = form.optional("signMethod").map(str::to_ascii_lowercase);
        let check = client_id::check(method.as_deref()).ok_or(Refused::Parameter)?;
        let request = Request { product_key, device_name, random, check, code: &code };
        Ok(match self.state().register(&request)? {
            Given::Secret(secret) => {
                let data = request.answer(&[("deviceSecret", &secret)]);
                format!("{{\"code\":200,\"data\":{data},\"message\":\"success\"}}")
            }
            Given::Token(_) => return Err(Refused::Device),
        })
    }
}

/// `key=value&…`, with what `%` stands for.
struct Form(Vec<(String, String)>);

impl Form {
    fn parse(body: &[u8]) -> Option<Self> {
        let fields = std::str::from_utf8(body).ok()?.split('&').map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.to_owned(), percent_decoded(&value.replace('+', " "))?))
        });
        fields.collect::<Option<_>>().map(Self)
    }

    fn optional(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A field that has to be there, and not empty.
    fn text(&self, key: &str) -> Result<&str, Refused> {
        self.optional(key).filter(|value| !value.is_empty()).ok_or(Refused::Parameter)
    }
}
