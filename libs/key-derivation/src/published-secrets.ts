/** Secrets that anyone can look up, or guess: none of them may come into a device or a gateway. */
import { invalidArgument } from '@cpns/core';
import { sha256 } from './formulas';

const MARK_BYTES = 8;
const PERIOD_BYTES = 8;

/** Test keys of others that stand for 32 random bytes: NIST SP 800-38A, F.1.5 (AES-256); RFC 8032, 7.1, TEST 1. */
const WELL_KNOWN = [
  '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
  '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
];

/** The first 8 bytes of SHA-256 of each 32-byte value of the vectors, sorted; its spec computes the list from their files. */
export const MARKS_OF_VECTORS = [
  '0073d7fde9ac206f012b6240dee8204a03c44e92de7e23ff03ebbeba96284c5503f3ea74396f22a0047138fceca4c6e9068e39fcc29608e3',
  '06fe5a28edb655d40712e487c3e3f35d082ec5c24d34d19a0846ae40007ed866090aa455678e644b09eb1f7c34a2b39209f8b91237fe81da',
  '0a49ffdc8d193dcc0a5da104a480fcf80bfada29d22110490c8a2a5132112d1c0ca11f94265725720e371ef4ce282ea90eb2be844ea9dd85',
  '0fd9a3443a5c960d102e3ffe4d830b801074a66c9daafcf910c635edb219cc3c124db42b45361dcf1655994bd28084db17a9038a1ec97b1c',
  '19d6aace5f0ec2d91a44ecf1fe745eda1bcca575a140ee571c052fe2e7d88fa81e48824700bba3111e5661a90deae4f5201ff7204872b3ad',
  '2354fa9052cced3a24c3378977a29a7d26c613e8e37686e526cd72eb7f401d1426d786f2f46bb25228828b7addc8f76b299ca9139b6d9484',
  '2adc7e42a7b4a5942b515c92085143fe2bd702deb29bf3b82e755b20b16ecee030114ce550d1ee46306a72d21a802a4d309457b2c225f899',
  '332b938863d5f76235ab58a166cbe4f536291f1166023dbb3742f6ceb79cc179379b13694001655f3849851b513fb4b938eb0cee746ef6df',
  '395deaa91d6394cf397f919bc32575423b8beb3290a652943beb9455273defbe3c0645a7ac223dbd3f6929df1b2087c63f7d1fed7c84e5cd',
  '3fcbab8ec47ea189402eb056742484b54100e4d656320bc341d8cc4bb5778a2642ad962a9f38445942df0bea693d7d534390589ca19b9dd0',
  '43edaaaa8013a3b744802a35e9194a3145205d52c10a19414678390f63b0ef7146ad53f69eadfd9e47424d816209c05447609146d6644419',
  '4a7570130888ad164c5e47dbb5dbc1174ca4e224c49da38b4cfcdba602a885bf4e5fe33b4fefe0864f1bfd695e339781511fddd24b3c37fb',
  '51c4f7b015fd59ac51d25037dd28c67b522ac76dcc76b6ce539215d8a8760d9653a61f797c67bf685624745e2410989c5776c046a72d289c',
  '57a371e0bdfaa0e557d33cf70dd8e49e586adca27bc7560d58c8a229488a58b65a135d946deaf8525b8d20a0816564085cf248fa90705f75',
  '5d09f1398f64a4d95df6e0e2761359d35e1972a21c8180805e73c954b9daf8e65eed70cfbcba42aa5f5c16a9ac16f9a361a395a3b9b7e1a0',
  '6220e96e69d6892362474f4d52e07af362b68cfdf1bf888462cf7f593566fb65630dcd2966c433666325cbd68e212fc563b0e4d71f8805cc',
  '64f95650586515fc66687aadf862bd77690c02b96a043c5869dd9500bb4e5a706ba95155ffe291f16c9479338e5e7c826e0e01aaa6b74c00',
  '6e65ffda8573c8576fd0fe5f0207f08671651395e0b8291c71d1016af3a2edd7726bf4d031f44a42733a96b176531aa97368ed81acc68899',
  '738b03adefd0adf474d4302193f9caa575abc333517a0a6775c194b49a574d9e76075742bba4988976a56fa91f2737db77437240e92378e1',
  '79b7fed17968b14879d6b6815615cddb79f2e4ae727374247a7afcd8e43b3bff7a7e44282710365e7aee3c5fe1d7a66a7b32078f08dfa171',
  '7bdd29153c1a79937c2b385ac0c9de988118683cf557d55281fe5a8c87e944148214b2b6d182aa108241f8b813a1998682c00bd9b170a85f',
  '839613ae1d9e2ff584ce59c09b3d3919854a56e8d808d4e786bccf56324a0471882ad4c76fb56c5b8932f4624c36ad91895e750c105adb82',
  '89e5170d255de3d98a4ebbae4a4bcb338a9284790796b10e8f2b7a6cbe2caeff8fe46d012227470e93d55f8edf5b09ad940f640e73f7224c',
  '94661dcd1b45a136954660c73d2141ff98345479de1bc133983e646b39d7f45c9a21dbbaf646c2049c326248780b6fae9d1d61d5843e79d1',
  '9d54864fdb0fd0f99f87484a81acc240a05191feccffa6f2a08afdd3ab6956e4a0d45f95a547ceffa2af338ef1350eb8a396b50c3ea3e29d',
  'a81b4c7dddfe7f7ba83ed9feef5003a7a8e628416d8ac42fa96b171519705c90aa7ca751b7e5b163ac56cb6c44940de8ad40517094fd0952',
  'adb09422333cb32dadd42122417b594dade0e81aa7432007ae707d98765af10eaead019e418dc5a9aee5cac48192ba1aaf090b445f3e581c',
  'af9613760f72635fb1c8a1567bf97b92b3568d2101e763ddb5f5a9aecb74fb61b79e75759de4b2cab86dabde6ff35c38bb007441c230521c',
  'bbd1c1fee93b91a2bbeb0039042be451bc4e7f7777957526bd6fb1596612b749bdab504acda8b000bde00975d200c615be618efdcf28712f',
  'be7e77ce37660f0abf78d3ba9190c62bbf9332008b2cff11c11da74302ff16f9c15170c0beb22689c88b0e1af10a9e7ec90ec23a6298efa6',
  'c9c62bc779ab8ca6cc31f889d501eebccc6986ecbf823c91cdacd3e8c0131fdfcfe1dc8460035de8cfe82639078909f3d012d6c569413243',
  'd0a96791b7c61c64d0baf5b3ba6ca3d7d0c517c424195299d184c70fc9bc10d8d1b1409eb6284264d24bfe2444377d18d27b2acde5ae9dae',
  'd478945e450658d4d65f26aa99070eaed6664a3e604878e4d82ec156a835bdfcda1d171e0ccc043fdbff5215ff705ce0dc364f84e6637234',
  'dee77044f1798eb2df2fb1049a0eb4b3dfff1a890d8fbe02e1f99ef1c52e56d2e2d444685ed86e26e38b9f0b96ded6bbe3e0773846815415',
  'e4ff2902df4b2f86e61fff4c5bcab01ae6546a13c9880cc4e73adfe16006b140e7ce6b71378e439fe9720af31e281bf9e9f1650544193786',
  'eabec799b770e3c9eb6098a541343ab5eb813d671aeb4b26eb81e2107ed0af56eb831decdf197237ed05b15e75cffdc7ed78c636577bb21b',
  'ee3cc51017464c37f0201ead3c687234f04ba42a9aa3a039f0f77ff36aa302f8f11cb8683cf75baff27df8893ec74242f2807c973cb3817b',
  'f3018c37a629b7a0f30f0db78dae5793f42b1298fc23891bf4d73137d2903bd9f560eb82175a9136f6408d4cfe25ee3bf6bb5bb374f2591c',
  'f6c6b00e70df902ef88e5be811cca779fa0d0cedbf6f5c3cfc7ab3f6d5516963ff0e74425b5c4361ff25d3bd177528aeff9e5b3752b9268d',
].join('');

const markOf = (secret: Uint8Array): string => sha256(secret).subarray(0, MARK_BYTES).toString('hex');

const PUBLISHED: ReadonlySet<string> = new Set([
  ...(MARKS_OF_VECTORS.match(/.{16}/g) ?? []),
  ...WELL_KNOWN.map((hex) => markOf(Buffer.from(hex, 'hex'))),
]);

/** All zero, one byte over and over, `deadbeef` repeated, 00 01 02 ... 1f and the like. */
function isPattern(secret: Uint8Array): boolean {
  const stepAt = (index: number) => ((secret[index] ?? 0) - (secret[index - 1] ?? 0)) & 0xff;
  const repeats = secret.every((byte, index) => index < PERIOD_BYTES || byte === secret[index - PERIOD_BYTES]);
  return repeats || secret.every((_, index) => index === 0 || stepAt(index) === stepAt(1));
}

/**
 * For a secret that an operator or a manufacturer brings.
 * @param secret 32 bytes
 * @param field of the message, for the error
 * @throws CpnsError FIELD_OUT_OF_RANGE for one of the vectors, a well-known test key, or bytes that make a pattern
 */
export function checkNotPublished(secret: Uint8Array, field: string): void {
  if (isPattern(secret) || PUBLISHED.has(markOf(secret)))
    throw invalidArgument('FIELD_OUT_OF_RANGE', `${field} is known to everyone: make another of 32 random bytes`, {
      metadata: { field },
    });
}
