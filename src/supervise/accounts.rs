//! Users and groups from the texts of `/etc/passwd` and `/etc/group` (passwd(5), group(5)), without the C
//! library's getpwnam, which a static binary cannot have. Invariant: a line that is not one is passed over.

/// A user as `/etc/passwd` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name; empty for a number that has no line.
    pub name: String,
    /// The number.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The home directory; empty where it is not known.
    pub home: String,
}

/// The user of that name or number. A number without a line is a user of its own, with the group of the
/// same number.
pub fn user(passwd: &str, wanted: &str) -> Option<User> {
    let number = wanted.parse().ok();
    let lines = || passwd.lines().filter_map(user_of);
    let named = lines().find(|user| user.name == wanted);
    named.or_else(|| {
        let uid = number?;
        let unknown = User {
            name: String::new(),
            uid,
            gid: uid,
            home: String::new(),
        };
        Some(lines().find(|user| user.uid == uid).unwrap_or(unknown))
    })
}

fn user_of(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = fields.nth(1).unwrap_or_default().to_owned();
    Some(User {
        name,
        uid,
        gid,
        home,
    })
}

/// The group of that name or number.
pub fn group(groups: &str, wanted: &str) -> Option<u32> {
    let found = lines(groups).find(|(name, ..)| *name == wanted);
    found.map(|(_, gid, _)| gid).or_else(|| wanted.parse().ok())
}

/// The groups that a user is a member of besides the primary one.
pub fn groups_of(groups: &str, user: &User) -> Vec<u32> {
    let member = |members: &str| {
        !user.name.is_empty() && members.split(',').any(|member| member == user.name)
    };
    let of = lines(groups).filter(|(_, gid, members)| *gid != user.gid && member(members));
    of.map(|(_, gid, _)| gid).collect()
}

fn lines(groups: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    groups.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let gid = fields.nth(1)?.parse().ok()?;
        Some((name, gid, fields.next().unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# no user\nbroken:x:many:1\n\
        www:x:33:33:www data:/var/www:/bin/false\n7:x:70:71::/home/seven:\n";
    const GROUP: &str = "root:x:0:\nwww:x:33:\nadm:x:4:syslog,www\nbroken:x:y:www\ntty:x:5:www\n";

    #[test]
    fn users_by_name_and_number() {
        let www = user(PASSWD, "www").unwrap();
        assert_eq!((www.uid, www.gid, www.home.as_str()), (33, 33, "/var/www"));
        assert_eq!(user(PASSWD, "33"), Some(www.clone()));
        assert_eq!(groups_of(GROUP, &www), [4, 5]);
        // A name that looks like a number is a name first, as in chown(1).
        assert_eq!(user(PASSWD, "7").unwrap().uid, 70);
        let unknown = user(PASSWD, "1000").unwrap();
        assert_eq!((unknown.uid, unknown.gid), (1000, 1000));
        assert_eq!(groups_of(GROUP, &unknown), [] as [u32; 0]);
        for none in ["broken", "nobody", "", "-1", "99999999999", "# no user"] {
            assert_eq!(user(PASSWD, none), None, "{none}");
        }
    }

    #[test]
    fn groups_by_name_and_number() {
        assert_eq!(group(GROUP, "tty"), Some(5));
        assert_eq!(group(GROUP, "12"), Some(12));
        assert_eq!(group(GROUP, "broken"), None);
        assert_eq!(group("", "tty"), None);
    }
}
