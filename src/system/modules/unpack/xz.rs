//! The .xz container (The .xz File Format 1.2.1) around LZMA2, as far as kernel modules use it: one
//! stream, any number of blocks, no filter in front of LZMA2. Invariant: every checksum that is CRC32 or
//! CRC64 is verified; of other checks the length is, and that all sizes agree with the index.

use std::io::{ErrorKind, Read};

use lzma_rust2::Lzma2Reader;

use super::LIMIT;
use super::checksum::{crc32, crc64};

/// KiB that unpacking may take beside what comes out.
const MEMORY: u32 = 128 << 10;
const FOOTER: usize = 12;
const LZMA2: u64 = 0x21;
const CUT: &str = "the file is cut short";
const DAMAGED: &str = "the file is damaged";

type Result<T> = std::result::Result<T, &'static str>;

/// Sizes of a block as the index has them: without padding, and unpacked.
type Record = (u64, u64);

/// What follows the stream is ignored.
pub(super) fn unpack(file: &[u8]) -> Result<Vec<u8>> {
    let mut rest = file;
    let header = take(&mut rest, FOOTER)?;
    let flags = [header[6], header[7]];
    if flags[0] != 0 || flags[1] > 15 || !sealed(&flags, &header[8..]) {
        return Err(DAMAGED);
    }
    let mut unpacked = Vec::new();
    let mut records = Vec::new();
    while *rest.first().ok_or(CUT)? != 0 {
        records.push(block(&mut rest, flags[1], &mut unpacked)?);
    }
    let index = index(&mut rest, &records)?;
    let footer = take(&mut rest, FOOTER)?;
    let backward = (index / 4 - 1) as u32;
    let good = sealed(&footer[4..10], &footer[..4])
        && footer[4..8] == backward.to_le_bytes()
        && footer[8..10] == flags
        && footer.ends_with(b"YZ");
    if good { Ok(unpacked) } else { Err(DAMAGED) }
}

/// §3. Appends what the block holds.
fn block(rest: &mut &[u8], check: u8, unpacked: &mut Vec<u8>) -> Result<Record> {
    let start = rest.len();
    let header = (usize::from(*rest.first().ok_or(CUT)?) + 1) * 4;
    let (fields, crc) = take(rest, header)?.split_at(header - 4);
    if !sealed(fields, crc) {
        return Err(DAMAGED);
    }
    let header = Header::read(fields)?;
    let packed = rest.len();
    let before = unpacked.len();
    let decoder = Lzma2Reader::new_mem_limit(&mut *rest, header.dictionary, MEMORY, None);
    decoder
        .and_then(|decoder| {
            let left = LIMIT - before + 1;
            decoder.take(left as u64).read_to_end(unpacked)
        })
        .map_err(|error| match error.kind() {
            ErrorKind::OutOfMemory => "needs more than 128 MiB of memory",
            ErrorKind::UnexpectedEof => CUT,
            _ => DAMAGED,
        })?;
    if unpacked.len() > LIMIT {
        return Err("larger than 256 MiB");
    }
    let packed = (packed - rest.len()) as u64;
    let data = &unpacked[before..];
    let size = data.len() as u64;
    if header.packed.is_some_and(|known| known != packed)
        || header.unpacked.is_some_and(|known| known != size)
    {
        return Err(DAMAGED);
    }
    padding(rest, start - rest.len())?;
    let sum = take(rest, check_length(check))?;
    let good = match check {
        1 => sum == crc32(data).to_le_bytes(),
        4 => sum == crc64(data).to_le_bytes(),
        _ => true,
    };
    if !good {
        return Err("the file is damaged: wrong checksum");
    }
    let padding = packed.next_multiple_of(4) - packed;
    Ok(((start - rest.len()) as u64 - padding, size))
}

/// What a block's header says (§3.1).
struct Header {
    packed: Option<u64>,
    unpacked: Option<u64>,
    dictionary: u32,
}

impl Header {
    fn read(fields: &[u8]) -> Result<Self> {
        let Some((&[_, flags], mut rest)) = fields.split_first_chunk() else {
            return Err(DAMAGED);
        };
        let mut size = |bit| (flags & bit != 0).then(|| number(&mut rest)).transpose();
        let (packed, unpacked) = (size(0x40)?, size(0x80)?);
        let several = flags & 0x3f != 0;
        if several || number(&mut rest)? != LZMA2 {
            return Err("it is packed with other filters than LZMA2");
        }
        // §5.3.1: half bits of the dictionary's size.
        let dictionary = match rest {
            [1, 40, ..] => u32::MAX,
            [1, bits @ ..40, ..] => (2 | u32::from(bits & 1)) << (bits / 2 + 11),
            _ => return Err(DAMAGED),
        };
        Ok(Self {
            packed,
            unpacked,
            dictionary,
        })
    }
}

/// §4. Compares the index with the blocks that there were; its length in bytes.
fn index(rest: &mut &[u8], records: &[Record]) -> Result<usize> {
    let start = *rest;
    take(rest, 1)?;
    if number(rest)? != records.len() as u64 {
        return Err(DAMAGED);
    }
    for &record in records {
        if (number(rest)?, number(rest)?) != record {
            return Err(DAMAGED);
        }
    }
    padding(rest, start.len() - rest.len())?;
    let length = start.len() - rest.len();
    if sealed(&start[..length], take(rest, 4)?) {
        Ok(length + 4)
    } else {
        Err(DAMAGED)
    }
}

/// Whether `crc` is the CRC32 of `bytes`.
fn sealed(bytes: &[u8], crc: &[u8]) -> bool {
    crc == crc32(bytes).to_le_bytes()
}

/// §2.1.1.2: none, then three of each length.
fn check_length(check: u8) -> usize {
    match check {
        0 => 0,
        _ => 4 << ((check - 1) / 3),
    }
}

/// Zero bytes up to a multiple of four.
fn padding(rest: &mut &[u8], length: usize) -> Result<()> {
    let zeros = take(rest, length.next_multiple_of(4) - length)?;
    if zeros.iter().all(|&byte| byte == 0) {
        Ok(())
    } else {
        Err(DAMAGED)
    }
}

/// §1.2: seven bits a byte, at most nine bytes.
fn number(rest: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(DAMAGED)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    rest.split_off(..length).ok_or(CUT)
}
