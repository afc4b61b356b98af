use super::*;

#[test]
fn what_is_short_is_told_once_and_speaking_is_not_told() {
    let fails = |call, errno: Errno| seam::<()>(call, || Err(errno)).unwrap_err();
    fails("open", Errno::EMFILE);
    fails("open", Errno::EMFILE);
    fails("read", Errno::EAGAIN);
    fails("fork", Errno::EAGAIN);
    fails("kill", Errno::ESRCH);
    quietly(|| fails("write", Errno::EIO));
    let told: Vec<_> = take_troubles().collect();
    assert_eq!(told, [("open", Errno::EMFILE), ("fork", Errno::EAGAIN)]);
    assert_eq!(take_troubles().count(), 0);
    let before = done();
    seam("open", || Ok(())).unwrap();
    assert_eq!(done(), before.wrapping_add(1));
}
