import { MalformedAnswer } from '../json.ts';
import { parseXML } from '../xml.ts';

/**
 * What of the initialisation block (cloud-init, sysprep) may stay; all else of it goes, also what later releases
 * may add. Compared without case.
 */
const harmlessInitialization = new Set([
  'hostname',
  'domain',
  'timezone',
  'regeneratekeys',
  'dnsservers',
  'dnssearch',
  'networks',
  'inputlocale',
  'uilanguage',
  'systemlocale',
  'userlocale',
  'orgname',
  'activedirectoryou',
]);

/** Blocks that hold files and settings for the guest's first start. */
const initializationBlock = /^(vminit|initialization|cloudinit|sysprep)$/i;
/** Names of elements and attributes whose values are secrets, or may hold some. */
const secretName =
  /passw|passphrase|secret|authorizedkeys|privatekey|sshkey|winkey|productkey|customscript|userdata|payload|sysprepfile|credential|token/i;
/** Attributes that name what an element holds, as in `<Property name="password" value=".."/>`. */
const namingAttribute = /^(name|key|id)$/i;
/** The name of a setting, in a text of settings (`name=value;`), whose value is a secret. */
const secretSetting = /passw|secret|token|private_?key|credential/i;
/** A value up to the end of its setting; the semicolon of a reference is none. */
const settingValue = /(?:&#?\w{1,8};|[^;<])*/y;
/** No ConfigMap takes more than 1 MiB. */
const longestConfiguration = 1_048_576;

/**
 * The configuration of a VM (OVF) without passwords, keys and scripts, fit to be kept where those who may read
 * ConfigMaps see it. Nothing else of it changes but comments and processing instructions, which go.
 *
 * @throws MalformedAnswer when it is no XML that can be taken apart: then nothing says what is in it
 */
export function withoutSecrets(ovf: string): string {
  const text = ovf.trim();
  if (text.length > longestConfiguration) {
    throw new MalformedAnswer(
      `the configuration of the VM has ${text.length} characters, more than can be kept`,
    );
  }
  if (parseXML(text) === undefined) {
    throw new MalformedAnswer(
      'the configuration of the VM is not XML that can be read, so that it cannot be kept',
    );
  }
  let result = '';
  /** Names of the open elements from the one on whose whole content goes. */
  const dropped: string[] = [];
  for (const [token] of text.matchAll(tokens)) {
    const inside = dropped.length > 0;
    if (token.startsWith('<![CDATA[')) {
      if (!inside) result += `<![CDATA[${withoutSettings(token.slice(9, -3))}]]>`;
    } else if (token.startsWith('<?xml ')) {
      result += token;
    } else if (!token.startsWith('<')) {
      if (!inside) result += withoutSettings(token);
    } else if (token.startsWith('</')) {
      dropped.pop();
      if (dropped.length === 0) result += token;
    } else if (!/^<[!?]/.test(token)) {
      const { name, attributes, empty } = startTagOf(token);
      if (!inside) result += `<${name}${keptAttributes(name, attributes)}${empty ? '/' : ''}>`;
      if (!empty && (inside || holdsSecrets(name, attributes))) dropped.push(name);
    }
  }
  return result;
}

/** In well-formed XML these are all there is: literals, tags with their quoted values, and text. */
const tokens =
  /<!\[CDATA\[[\s\S]*?\]\]>|<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<(?:[^"'<>]|"[^"]*"|'[^']*')*>|[^<]+/g;
const attributeForm = /\s*([^\s=]+)\s*=\s*("[^"]*"|'[^']*')/y;

interface Attribute {
  name: string;
  value: string;
}

function startTagOf(token: string): { name: string; attributes: Attribute[]; empty: boolean } {
  const empty = token.endsWith('/>');
  const inner = token.slice(1, empty ? -2 : -1);
  const [name = ''] = /^\S+/.exec(inner) ?? [];
  const attributes: Attribute[] = [];
  attributeForm.lastIndex = name.length;
  for (let match = attributeForm.exec(inner); match !== null; match = attributeForm.exec(inner)) {
    attributes.push({ name: match[1] ?? '', value: match[2] ?? '' });
  }
  return { name, attributes, empty };
}

/** Whether everything inside an element goes. */
function holdsSecrets(element: string, attributes: readonly Attribute[]): boolean {
  const local = localName(element);
  return initializationBlock.test(local) || secretName.test(local) || attributes.some(namesSecret);
}

function keptAttributes(element: string, attributes: readonly Attribute[]): string {
  const initialization = initializationBlock.test(localName(element));
  const secret = secretName.test(localName(element)) || attributes.some(namesSecret);
  return attributes
    .filter(({ name }) => {
      if (/^xmlns(:|$)/.test(name)) return true;
      const local = localName(name);
      if (initialization) return harmlessInitialization.has(local.toLowerCase());
      return !secretName.test(local) && (!secret || namingAttribute.test(local));
    })
    .map(({ name, value }) => {
      const quote = value.slice(0, 1);
      return ` ${name}=${quote}${withoutSettings(value.slice(1, -1))}${quote}`;
    })
    .join('');
}

function namesSecret({ name, value }: Attribute): boolean {
  return namingAttribute.test(localName(name)) && secretName.test(value);
}

/** A text of settings without the values of those that are secrets. */
function withoutSettings(text: string): string {
  let result = '';
  let done = 0;
  for (let sign = text.indexOf('='); sign >= 0; sign = text.indexOf('=', Math.max(sign + 1, done))) {
    const name = /[\w.-]*$/.exec(text.slice(Math.max(done, sign - 128), sign))?.[0] ?? '';
    if (!secretSetting.test(name)) continue;
    result += text.slice(done, sign + 1);
    settingValue.lastIndex = sign + 1;
    done = sign + 1 + (settingValue.exec(text)?.[0].length ?? 0);
  }
  return result + text.slice(done);
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
