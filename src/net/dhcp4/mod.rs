//! DHCPv4 client (RFC 2131): wire, machine, driver.
