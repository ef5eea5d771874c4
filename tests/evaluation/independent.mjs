// Asks an independent evaluator about every case of cases.json, and compares with the values expected there, which are
// AWS's. Fails on a difference that differences.json does not have, and on one that is there and is none.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const installed = process.argv[2] ?? here;
const entry = join(installed, 'node_modules/@cloud-copilot/iam-simulate/dist/esm/index.js');
const { runSimulation, runUnsafeSimulation } = await import(pathToFileURL(entry).href);

const read = (name) => JSON.parse(readFileSync(join(here, name), 'utf8'));
const families = read('cases.json');
const known = read('differences.json');

const ROLE = 'arn:aws:iam::111111111111:role/worker';
const FULL = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
const list = (value) => (Array.isArray(value) ? value : [value]);

function context(...given) {
  const all = {};
  for (const map of given) {
    for (const [key, value] of Object.entries(map ?? {})) {
      if (value === null) delete all[key];
      else all[key] = Array.isArray(value) ? value : String(value);
    }
  }
  return all;
}

function* cases() {
  for (const family of families) {
    if (family.kind === 'policies') {
      for (const row of family.rows) {
        const given = row[0];
        const named = (names) => (names ?? []).map((name) => ({
          name, policy: { Version: '2012-10-17', Statement: family.documents[name] },
        }));
        const levels = (kind) => (given[kind] ?? []).map((names, number) => ({
          orgIdentifier: `level-${number}`, policies: named(names),
        }));
        const principal = given.principal ?? ROLE;
        yield {
          name: `${family.family}: ${JSON.stringify(row)}`,
          expected: row[1],
          simulation: {
            request: {
              principal, action: family.action, resource: { resource: family.resource, accountId: '111111111111' },
              contextVariables: context({ 'aws:PrincipalArn': principal }, family.context, given.context),
            },
            identityPolicies: given.identity ? named(given.identity) : [{ name: 'own', policy: FULL }],
            serviceControlPolicies: levels('service_control'),
            resourceControlPolicies: levels('resource_control'),
            permissionBoundaryPolicies: given.boundary ? named(given.boundary) : undefined,
            sessionPolicy: given.session ? named(given.session)[0].policy : undefined,
          },
        };
      }
      continue;
    }
    const operators = (family.prefixes ?? ['']).flatMap((prefix) => family.operators.map((it) => prefix + it));
    for (const row of family.rows) {
      const [wanted, value, letters] = row;
      const holds = letters.replaceAll(' ', '');
      for (const [number, operator] of operators.entries()) {
        const statement = { Effect: 'Deny' };
        let action = family.action ?? 's3:GetObject';
        let resource = 'arn:aws:s3:::bucket/key';
        let own = {};
        if (family.kind === 'action') {
          action = value;
          Object.assign(statement, { [operator]: wanted, Resource: '*' });
        } else if (family.kind === 'resource') {
          resource = value;
          Object.assign(statement, { Action: '*', [operator]: wanted });
        } else {
          // It takes values of conditions as texts only.
          const values = Array.isArray(wanted) ? wanted.map(String) : String(wanted);
          Object.assign(statement, { Action: '*', Resource: '*', Condition: { [operator]: { [family.key]: values } } });
          const set = operator.startsWith('ForA') && value !== null;
          own = { [family.key]: set ? list(value) : value };
        }
        const denial = { Version: family.version ?? '2012-10-17', Statement: [statement] };
        yield {
          name: `${family.family}: ${operator} ${JSON.stringify(row)}`,
          expected: holds[number] === 'T' ? 'denied' : 'allowed',
          simulation: {
            request: {
              principal: ROLE, action, resource: { resource, accountId: '111111111111' },
              contextVariables: context({ 'aws:PrincipalArn': ROLE }, family.context, own),
            },
            identityPolicies: [{ name: 'own', policy: FULL }],
            serviceControlPolicies: [{ orgIdentifier: 'r-ab12', policies: [{ name: 'FullAWSAccess', policy: FULL }, { name: 'p', policy: denial }] }],
            resourceControlPolicies: [],
          },
        };
      }
    }
  }
}

// Session policies are only asked with its checks of the input, and only of a session.
async function withSession(simulation) {
  const request = { ...simulation.request, principal: 'arn:aws:sts::111111111111:assumed-role/worker/session' };
  const answer = await runSimulation({ ...simulation, request }, {});
  return answer.overallResult ?? answer.analysis?.result ?? JSON.stringify(answer.errors ?? answer);
}

const words = { Allowed: 'allowed', ExplicitlyDenied: 'denied', ImplicitlyDenied: 'not allowed' };
let asked = 0;
let failed = 0;
const met = new Set();
for (const { name, expected, simulation } of cases()) {
  asked += 1;
  let said;
  try {
    const result = simulation.sessionPolicy ? await withSession(simulation) : runUnsafeSimulation(simulation, {});
    said = words[result] ?? String(result);
  } catch (error) {
    said = `an error: ${error.message}`;
  }
  if (said === expected) continue;
  const rule = known.find((it) => name.includes(it.case) && said.startsWith(it.says));
  if (rule) {
    met.add(rule.case);
    continue;
  }
  failed += 1;
  console.error(`${name}\n   expected ${expected}, it says ${said}`);
}
for (const rule of known) {
  if (!met.has(rule.case)) {
    failed += 1;
    console.error(`differences.json has "${rule.case}", where there is no difference any more`);
  }
}
console.log(`${asked} cases asked, ${met.size} known differences, ${failed} failures`);
process.exit(failed === 0 && asked >= 600 ? 0 : 1);
