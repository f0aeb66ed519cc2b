//! The privileges that a server gives by itself, again.

use crate::{
    RawText, Session,
    archive::{Contents, Object, Objects},
    connection::get,
    raw_text::{bytes_of, get_raw},
};
use backup_core::Result;

/// Default privileges that this role may change: where they begin, on what, for whom, the role's name as SQL has it; whether the server itself gives some to
/// everyone; whether they hold in every schema; whether they are those of this session; the names of role and schema.
const DEFAULTS: &str = "FROM pg_catalog.pg_default_acl d JOIN pg_catalog.pg_roles r ON r.oid = d.defaclrole \
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace WHERE pg_catalog.pg_has_role(r.oid, 'USAGE') ORDER BY d.oid";

const HEAD: &str = "'ALTER DEFAULT PRIVILEGES FOR ROLE ' || pg_catalog.quote_ident(r.rolname) \
    || coalesce(' IN SCHEMA ' || pg_catalog.quote_ident(n.nspname), '')";

const WHAT: &str = "CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' \
    WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END";

/// Grantees of an access list, as SQL has them.
fn grantees(acl: &str) -> String {
    format!(
        "(SELECT coalesce(pg_catalog.string_agg(DISTINCT coalesce(pg_catalog.quote_ident(g.rolname), 'PUBLIC'), ', '), '') \
        FROM pg_catalog.aclexplode({acl}) AS a LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee)"
    )
}

/// Statements to be run first in the transaction of a restore of `contents` onto the session's database. Default privileges of roles and schemas that the
/// dump does not know stay; those of the role that restores never do, as far as they hold where the dump creates something.
///
/// # Errors
/// `SourceFailed`.
pub(crate) async fn reset_statements(session: &Session, contents: &Contents) -> Result<Vec<u8>> {
    let mut script = Vec::new();
    let columns = [
        bytes_of(HEAD),
        bytes_of(WHAT),
        bytes_of(&grantees("d.defaclacl")),
        bytes_of("pg_catalog.quote_ident(r.rolname)"),
        bytes_of("r.rolname"),
        bytes_of("coalesce(n.nspname, '')"),
    ];
    let sql = format!(
        "SELECT {}, d.defaclobjtype IN ('f', 'T'), n.oid IS NULL, r.rolname = CURRENT_USER {DEFAULTS}",
        columns.join(", ")
    );
    for row in session.rows(&sql, &[]).await? {
        let default = Default {
            head: get_raw(&row, 0)?,
            what: get_raw(&row, 1)?,
            grantees: get_raw(&row, 2)?,
            owner: get_raw(&row, 3)?,
            to_everyone: get(&row, 6)?,
            everywhere: get(&row, 7)?,
        };
        let (role, schema, own): (_, _, bool) = (get_raw(&row, 4)?, get_raw(&row, 5)?, get(&row, 8)?);
        let known = own || contents.owners.contains(&role) || contents.grantees.contains(&role);
        if known && contents.creates_in(&schema) {
            default.reset(&mut script);
        }
    }
    script.extend(public_schema(session).await?);
    match &contents.encoding {
        Some(encoding) if !script.is_ascii() => in_encoding(session, script, encoding).await,
        _ => Ok(script),
    }
}

/// `pg_restore` sends the whole archive in one encoding.
async fn in_encoding(session: &Session, script: Vec<u8>, encoding: &str) -> Result<Vec<u8>> {
    let sql = "SELECT CASE WHEN pg_catalog.getdatabaseencoding() = $2 THEN $1 \
        ELSE pg_catalog.convert($1, pg_catalog.getdatabaseencoding(), $2::pg_catalog.text::pg_catalog.name) END";
    get(&session.one(sql, &[&script, &encoding]).await?, 0)
}

impl Contents {
    /// Whether the dump knows the schema, so that what holds in it is the dump's to say; an empty name stands for all schemas.
    pub(super) fn creates_in(&self, schema: &RawText) -> bool {
        let object = Object {
            kind: "SCHEMA",
            schema: RawText::default(),
            name: schema.clone(),
        };
        let named = |objects: &Objects| objects.named.contains(&object);
        schema.is_empty() || *schema == "public" || self.objects.as_ref().is_none_or(named)
    }
}

struct Default {
    head: RawText,
    what: RawText,
    grantees: RawText,
    owner: RawText,
    to_everyone: bool,
    everywhere: bool,
}

impl Default {
    /// Those of one schema are additions, and go. Those of all schemas are all there is, and become what the server has built in.
    fn reset(&self, script: &mut Vec<u8>) {
        let mut add = |verb: &str, to: &[&[u8]]| {
            let parts = [&[self.head.as_bytes(), verb.as_bytes(), self.what.as_bytes()], to].concat();
            script.extend(parts.concat());
            script.extend(b";\n");
        };
        if !self.grantees.is_empty() {
            add(" REVOKE ALL ON ", &[b" FROM ", self.grantees.as_bytes()]);
        }
        if self.everywhere {
            add(" GRANT ALL ON ", &[b" TO ", self.owner.as_bytes()]);
        }
        if self.everywhere && self.to_everyone {
            add(" GRANT ALL ON ", &[b" TO PUBLIC"]);
        }
    }
}

/// The schema `public` with the privileges that `initdb` gave it, unless somebody changed its owner.
async fn public_schema(session: &Session) -> Result<Vec<u8>> {
    let first = "coalesce((SELECT i.initprivs FROM pg_catalog.pg_init_privs i WHERE i.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass \
        AND i.objoid = n.oid AND i.privtype = 'i'), pg_catalog.acldefault('n', n.nspowner))";
    let now = "coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))";
    let again = format!(
        "(SELECT pg_catalog.string_agg(pg_catalog.format('GRANT %s ON SCHEMA public TO %s;', a.privilege_type, \
            coalesce(pg_catalog.quote_ident(g.rolname), 'PUBLIC')), E'\\n') \
        FROM pg_catalog.aclexplode({first}) AS a LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee)"
    );
    let sql = format!(
        "SELECT {}, {} FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public' AND pg_catalog.pg_has_role(n.nspowner, 'USAGE') \
        AND NOT ({now} @> {first} AND {first} @> {now}) AND EXISTS (SELECT FROM pg_catalog.aclexplode({first}) AS a WHERE a.grantee = n.nspowner)",
        bytes_of(&grantees(now)),
        bytes_of(&again),
    );
    let mut script = Vec::new();
    for row in session.rows(&sql, &[]).await? {
        let (grantees, again) = (get_raw(&row, 0)?, get_raw(&row, 1)?);
        if !grantees.is_empty() {
            script.extend(
                [
                    b"REVOKE ALL ON SCHEMA public FROM ",
                    grantees.as_bytes(),
                    b" CASCADE;\n",
                ]
                .concat(),
            );
        }
        script.extend([again.as_bytes(), b"\n"].concat());
    }
    Ok(script)
}
