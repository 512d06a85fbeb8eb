//! The policy of a license, and the one list of its members.

use serde::{Deserialize, Serialize};

/// Hands the members of a policy to a macro of the caller, each as `/// meaning`, `name: kind = default,`. A new member is
/// one line here: the structs, the table's item, the catalog's file, `set-policy` and `explain` are made of this list. A
/// kind that is new needs its place in `operate::policy` as well.
#[macro_export]
macro_rules! policy_members {
    ($then:ident) => {
        $then! {
            /// Devices bound at the same time, 1 to [`MAX_SEATS`](crate::catalog::MAX_SEATS).
            seats: u32 = 1,
            /// How often a client renews its lease.
            check_interval_hours: u32 = 24,
            /// How long after that a client goes on without an answer.
            offline_grace_days: u32 = 7,
            /// True if `verify` without hardware says `NOT_ACTIVATED`.
            hardware_required: bool = false,
            /// Equal components that make a device.
            hardware_match_threshold: u32 = 2,
            /// Transfers per seat in any 365 days.
            max_transfers: u32 = 3,
            /// Window in which at most `seats` transfers happen: one for each seat.
            transfer_cooldown_hours: u32 = 24,
            /// True if a transfer must name the licensee's e-mail.
            transfer_requires_email: bool = false,
            /// Whether a virtual machine gets a seat.
            virtual_machines: VirtualMachines = VirtualMachines::Allow,
            /// Days that a lease for a machine without a network lasts; 0 allows none.
            air_gap_days: u32 = 0,
        }
    };
}

/// A policy's answer to virtual machines, which can be copied whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VirtualMachines {
    /// They get seats as any machine does.
    Allow,
    /// They get no seat. A device that holds one keeps it, so a change of the policy locks nobody.
    Refuse,
}

impl VirtualMachines {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Allow, Self::Refuse];

    /// As catalogs and tables write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
        }
    }

    /// As catalogs and tables write it, read back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.as_str() == text)
    }
}

macro_rules! policy_structs {
    ($($(#[$meaning:meta])* $name:ident: $kind:ident = $default:expr,)*) => {
        /// The rules one license lives under, after every override.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Policy {
            $($(#[$meaning])* pub $name: $kind,)*
        }

        /// The members that a product, a tier or a license overrides; an absent member keeps the outer rule.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct PolicyOverrides {
            $($(#[$meaning])* pub $name: Option<$kind>,)*
        }

        impl Policy {
            /// The policy where a catalog does not set one.
            pub const DEFAULT: Self = Self { $($name: $default,)* };

            /// This policy with everything `overrides` names replaced.
            #[must_use]
            pub fn with(self, overrides: &PolicyOverrides) -> Self {
                Self { $($name: overrides.$name.unwrap_or(self.$name),)* }
            }

            /// Overrides that make any other policy this one.
            #[must_use]
            pub const fn as_overrides(&self) -> PolicyOverrides {
                PolicyOverrides { $($name: Some(self.$name),)* }
            }
        }
    };
}

policy_members!(policy_structs);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_machines_read_back_in_serde_too() {
        for answer in VirtualMachines::ALL {
            let written = serde_json::to_string(&answer).unwrap();
            assert_eq!(written, format!("\"{}\"", answer.as_str()));
            assert_eq!(serde_json::from_str::<VirtualMachines>(&written).unwrap(), answer);
        }
    }
}
