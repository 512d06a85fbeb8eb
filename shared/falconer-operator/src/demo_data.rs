//! Made-up customers for a local stack: the same names, terms and devices in every run, and issued once.

use falconer_aws::operator::PlacedOrder;
use falconer_aws::{Store, StoreError};
use falconer_domain::hardware::{ComponentForm, DeviceId, Label, ReceivedComponents};
use falconer_domain::issue::{NewLicense, Order, OrderId, Term};
use falconer_domain::license::Device;
use falconer_domain::person::{DeviceName, Note};
use falconer_domain::time::MILLIS_PER_DAY;
use falconer_domain::{KeyRing, Limits, Product, Status, TierName, UnixMillis};

use crate::issue::{IssueError, Issuer, KeyForm};
use crate::random;

/// Customers of a demonstration: several pages of a list.
pub const CUSTOMERS: u32 = 300;

/// Names that nobody has.
const FIRST_NAMES: [&str; 10] =
    ["Testa", "Fictiva", "Demo", "Exempla", "Mocka", "Placida", "Inventa", "Dummy", "Sampla", "Imagina"];
/// The same.
const LAST_NAMES: [&str; 7] =
    ["Placeholder", "von Beispiel", "O\u{2019}Sample", "Muestra-Ejemplo", "Lorem", "Ipsum", "Nonexista"];
/// Names of devices.
const DEVICES: [&str; 5] = ["Laptop", "Office desktop", "Workshop PC", "Tablet", "Build machine"];
/// Notes; most licenses have none.
const NOTES: [&str; 4] =
    ["pays by invoice, 30 days", "called about a new laptop", "beta tester", "renewal agreed by telephone"];

/// The outcome of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DemoData {
    /// Licenses issued now.
    pub issued: u32,
    /// Licenses of an earlier run.
    pub there: u32,
}

/// Issues a license for each made-up customer that has none yet.
///
/// # Errors
/// [`IssueError`]; what was issued stays, and another run goes on.
pub async fn issue(
    store: &Store,
    ring: &KeyRing,
    actor: &str,
    product: &Product,
    now: UnixMillis,
) -> Result<DemoData, IssueError> {
    let mut issuer = Issuer::new(store, ring, actor);
    let mut done = DemoData::default();
    for number in 0..CUSTOMERS {
        // Unwrap safety: letters, digits and a dash are an order's id.
        let id = OrderId::read(&format!("demo-{number:04}")).unwrap();
        let order = issuer.check(order(number, product)).await?;
        if issuer.placed(&id, &order).await?.is_some() {
            done.there += 1;
            continue;
        }
        let (_, mut new) = issuer.prepare(&order, KeyForm::Current, now)?;
        lived(&mut new, ring, number, now);
        let row = issuer.audit(&new.license.id, new.created_at)?;
        let placed = PlacedOrder { id, license: new.license.id.clone(), terms: order.agreed() };
        match store.issue_for(&placed, &new, &row, &random::id()?).await {
            Ok(()) => done.issued += 1,
            Err(StoreError::Conflict) => done.there += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done)
}

fn order(number: u32, product: &Product) -> Order {
    let (first, last) = (pick(&FIRST_NAMES, number), pick(&LAST_NAMES, number / 3));
    let tier = ["pro", "pro", "elite", "free", "pro", "lifetime"][number as usize % 6];
    Order {
        product: product.clone(),
        // Unwrap safety: the names above have the form of a tier's.
        tier: TierName::parse(tier).unwrap(),
        user_id: (number.is_multiple_of(4)).then(|| format!("customer-{number}")),
        email: Some(format!("{}.{number}@example.com", first.to_lowercase())),
        licensee_name: Some(format!("{first} {last}")),
        term: match number % 6 {
            5 => Term::Perpetual,
            _ if number.is_multiple_of(17) => Term::DaysFromActivation(365),
            _ => Term::Days(365),
        },
        seats: (number.is_multiple_of(9)).then_some(3),
        features: Vec::new(),
        limits: Limits::default(),
        updates_until: None,
    }
}

/// Gives a license the life of a customer: an age, an end, devices, a note, sometimes a stop.
fn lived(new: &mut NewLicense, ring: &KeyRing, number: u32, now: UnixMillis) {
    let age = i64::from(number * 37 % 360);
    new.created_at = UnixMillis(now.0 - age * MILLIS_PER_DAY);
    let license = &mut new.license;
    if license.status == Status::Pending {
        return;
    }
    if license.expires_at.is_some() {
        // Most end within a year, one in ten has ended.
        let left = i64::from(number * 53 % 400) - 40;
        license.expires_at = Some(UnixMillis(now.0 + left * MILLIS_PER_DAY + i64::from(number) * 60_000));
    }
    license.status = match number % 25 {
        7 => Status::Suspended,
        19 => Status::Revoked,
        _ => Status::Active,
    };
    license.notes = (number % 8 == 3).then(|| Note::clean(pick(&NOTES, number / 8)).kept).flatten();
    let devices = if number.is_multiple_of(9) { number / 9 % 4 } else { u32::from(number % 5 != 4) };
    for index in 0..devices {
        let Some(generation) = ring.generation(license.generation) else { return };
        let mut components = ReceivedComponents::default();
        for label in Label::ALL.into_iter().take(3) {
            // A component that cannot be used is left out, as in a request.
            let _ = components.insert(label, &format!("demo-{number}-{index}-{}", label.as_str()));
        }
        let seen_at = UnixMillis(now.0 - i64::from(number * 13 % 60 * (index + 1)) * 3_600_000);
        let device = Device {
            name: DeviceName::clean(pick(&DEVICES, number + index)).kept,
            components: components.hashed(generation, &license.id).stored(),
            form: ComponentForm::Keyed,
            bound_at: new.created_at,
            seen_at,
        };
        let bytes = ((u64::from(number) << 8) | u64::from(index)).to_be_bytes();
        let mut id = [0; 10];
        id[2..].copy_from_slice(&bytes);
        license.devices.insert(DeviceId::from_random(id), device);
        license.free_used += 1;
    }
}

fn pick<'a>(words: &[&'a str], number: u32) -> &'a str {
    words[number as usize % words.len()]
}
