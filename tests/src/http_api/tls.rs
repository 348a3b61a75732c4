//! A self-signed certificate, created for one run.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rcgen::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// A certificate for loopback, and a TLS acceptor with its private key.
pub(super) struct Identity {
    pub(super) acceptor: TlsAcceptor,
    /// The certificate in DER.
    pub(super) certificate: Vec<u8>,
}

impl Identity {
    pub(super) fn new() -> Identity {
        let names = [Ipv4Addr::LOCALHOST.to_string(), "localhost".to_owned()];
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(names).expect("a certificate for fixed names can be created");
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        // The explicit provider makes this independent of the default provider of the process.
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports the default protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key.into())
            .expect("the key belongs to the certificate");
        Identity { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: cert.der().to_vec() }
    }
}
