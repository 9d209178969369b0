"""
Writes the known answers in this folder, from FORMAT.md alone and with nothing but Python's own library: an independent
second writer of the format. Run it with: python3 test/vectors/make.py

Every key, passphrase and code in here is made up for this and opens nothing else.
"""

import base64
import hashlib
import json
import pathlib
import struct
import unicodedata
import uuid
import zlib

FOLDER = pathlib.Path(__file__).parent


# What FORMAT.md takes from elsewhere: BLAKE2b and SHA-256 are Python's own; XChaCha20-Poly1305 (RFC 8439 and the draft
# irtf-cfrg-xchacha) and Argon2id (RFC 9106, one lane) are written out.


def blake2b(message, key=b''):
    return hashlib.blake2b(message, digest_size=32, key=key).digest()


def rotate32(x, by):
    return ((x << by) | (x >> (32 - by))) & 0xFFFFFFFF


def chacha_rounds(state):
    s = list(state)
    quarters = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    quarters += [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for _ in range(10):
        for a, b, c, d in quarters:
            for one, other, target, by in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)]:
                s[one] = (s[one] + s[other]) & 0xFFFFFFFF
                s[target] = rotate32(s[target] ^ s[one], by)
    return s


CONSTANTS = struct.unpack('<4I', b'expand 32-byte k')


def hchacha20(key, nonce):
    s = chacha_rounds(CONSTANTS + struct.unpack('<8I', key) + struct.unpack('<4I', nonce))
    return struct.pack('<8I', *s[:4], *s[12:])


def chacha20(key, counter, nonce, text):
    out = b''
    for at in range(0, len(text), 64):
        state = CONSTANTS + struct.unpack('<8I', key) + (counter + at // 64,) + struct.unpack('<3I', nonce)
        words = [(a + b) & 0xFFFFFFFF for a, b in zip(chacha_rounds(state), state)]
        out += bytes(a ^ b for a, b in zip(text[at : at + 64], struct.pack('<16I', *words)))
    return out


def poly1305(key, message):
    r = int.from_bytes(key[:16], 'little') & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at : at + 16] + b'\1', 'little')) * r % ((1 << 130) - 5)
    return ((total + int.from_bytes(key[16:], 'little')) & ((1 << 128) - 1)).to_bytes(16, 'little')


def to_16(data):
    return data + bytes(-len(data) % 16)


def seal(key, nonce, associated, plain):
    subkey, rest = hchacha20(key, nonce[:16]), bytes(4) + nonce[16:]
    cipher = chacha20(subkey, 1, rest, plain)
    lengths = struct.pack('<QQ', len(associated), len(cipher))
    return cipher + poly1305(chacha20(subkey, 0, rest, bytes(32)), to_16(associated) + to_16(cipher) + lengths)


def argon2_long_hash(message, length):
    message = struct.pack('<I', length) + message
    if length <= 64:
        return hashlib.blake2b(message, digest_size=length).digest()
    out, block = b'', hashlib.blake2b(message).digest()
    while length - len(out) > 64:
        out += block[:32]
        left = length - len(out)
        block = hashlib.blake2b(block, digest_size=min(left, 64)).digest()
    return out + block


MASK = (1 << 64) - 1


def rotate64(x, by):
    return ((x >> by) | (x << (64 - by))) & MASK


def argon2_permute(block, at):
    v = [block[i] for i in at]
    quarters = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    quarters += [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for a, b, c, d in quarters:
        for one, other, target, by in [(a, b, d, 32), (c, d, b, 24), (a, b, d, 16), (c, d, b, 63)]:
            product = 2 * (v[one] & 0xFFFFFFFF) * (v[other] & 0xFFFFFFFF)
            v[one] = (v[one] + v[other] + product) & MASK
            v[target] = rotate64(v[target] ^ v[one], by)
    for i, value in zip(at, v):
        block[i] = value


def argon2_compress(one, other):
    mixed = [a ^ b for a, b in zip(one, other)]
    out = list(mixed)
    for row in range(8):
        argon2_permute(out, range(16 * row, 16 * row + 16))
    for column in range(8):
        argon2_permute(out, [16 * row + 2 * column + half for row in range(8) for half in range(2)])
    return [a ^ b for a, b in zip(out, mixed)]


def argon2id(passphrase, salt, operations, memory_bytes):
    kibibytes = memory_bytes // 1024
    first = struct.pack('<6I', 1, 32, kibibytes, operations, 0x13, 2)
    for part in (passphrase, salt, b'', b''):
        first += struct.pack('<I', len(part)) + part
    seed = hashlib.blake2b(first).digest()
    count = kibibytes // 4 * 4
    segment = count // 4
    blocks = [[0] * 128 for _ in range(count)]
    for i in range(2):
        blocks[i] = list(struct.unpack('<128Q', argon2_long_hash(seed + struct.pack('<II', i, 0), 1024)))
    zero = [0] * 128
    for turn in range(operations):
        for quarter in range(4):
            addresses = zero
            for i in range(segment):
                if i % 128 == 0:
                    source = [turn, 0, quarter, count, operations, 2, i // 128 + 1] + [0] * 121
                    addresses = argon2_compress(zero, argon2_compress(zero, source))
                if turn == 0 and quarter == 0 and i < 2:
                    continue
                at = quarter * segment + i
                before = blocks[at - 1]
                independent = turn == 0 and quarter < 2
                chosen = (addresses[i % 128] if independent else before[0]) & 0xFFFFFFFF
                area = (at if turn == 0 else count - segment + i) - 1
                start = 0 if turn == 0 else (quarter + 1) % 4 * segment
                reference = (start + area - 1 - (area * (chosen * chosen >> 32) >> 32)) % count
                fresh = argon2_compress(before, blocks[reference])
                blocks[at] = fresh if turn == 0 else [a ^ b for a, b in zip(fresh, blocks[at])]
    return argon2_long_hash(struct.pack('<128Q', *blocks[count - 1]), 32)


# FORMAT.md, in its order.


def u32(n):
    return struct.pack('>I', n)


def spelling(value):
    if isinstance(value, str):
        tag, body = 1, value.encode()
    elif isinstance(value, int):
        tag, body = 2, str(value).encode()
    else:
        tag, body = 3, value
    return bytes([tag]) + u32(len(body)) + body


def canonical(*values):
    return b''.join(spelling(value) for value in values)


def columns(row):
    return b''.join(spelling(name) + spelling(row[name]) for name in sorted(row) if row[name] is not None)


def blob(key, epoch, associated, plain, nonce):
    head = b'\1' + u32(epoch)
    return head + nonce + seal(key, nonce, head + associated, plain)


def padded(text):
    body = u32(len(text.encode())) + text.encode()
    return body + bytes(-len(body) % 64)


def padded_by_padme(text):
    body = u32(len(text.encode())) + text.encode()
    length = len(body)
    e = length.bit_length() - 1
    s = e.bit_length()
    step = 1 << (e - s)
    return body + bytes(max(64, (length + step - 1) // step * step) - length)


BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'


def digits(number, alphabet, length):
    text = ''
    for _ in range(length):
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    assert number == 0
    return text


def key_text(prefix, random):
    unchecked = prefix + digits(int.from_bytes(random, 'big'), BASE62, 43)
    return unchecked + digits(zlib.crc32(unchecked.encode()), BASE62, 6)


def recovery_secret(random):
    return digits(int.from_bytes(random, 'big'), CROCKFORD, 32)


def recovery_checksum(secret):
    hashed = hashlib.sha256(b'mobius/recovery/1 ' + secret.encode()).digest()
    return digits(int.from_bytes(hashed, 'big') >> (256 - 20), CROCKFORD, 4)


def recovery_code(secret):
    text = secret + recovery_checksum(secret)
    return '-'.join(text[at : at + 4] for at in range(0, 36, 4))


def type_id(prefix, bytes_of_uuid):
    return prefix + '_' + digits(int.from_bytes(bytes_of_uuid, 'big'), CROCKFORD.lower(), 26)


def plain_slot_key(kind, secret):
    return blake2b(canonical('mobius/slot-key/1', kind, secret))


def keyslot_place(vault_id, slot):
    return canonical('mobius/keyslot/1', vault_id, slot['id'], slot['kind'], slot['params'], slot['created_at'])


def keyring_place(vault_id, purpose, epoch):
    return canonical('mobius/keyring/1', vault_id, purpose, epoch)


def row_place(vault_id, table, id, clear):
    return canonical('mobius/row/1', vault_id, table, id) + columns(clear)


def utf16(text):
    return text.encode('utf-16-be')


def fold(name):
    return unicodedata.normalize('NFC', name).lower()


# The inputs: everything that is random or of its time elsewhere is fixed here.


def made_up(name, length):
    """Bytes that stand for random ones."""
    return hashlib.blake2b(b'plainly made up: ' + name.encode(), digest_size=length).digest()


def make_id(prefix, n):
    return type_id(prefix, uuid.UUID(f'019e6d6b-a000-7000-8000-{n:012x}').bytes)


def as_json(value):
    if isinstance(value, bytes):
        return {'hex': value.hex()}
    if isinstance(value, dict):
        return {name: as_json(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(one) for one in value]
    return value


def write(name, content):
    text = json.dumps(as_json(content), indent=2, ensure_ascii=False)
    (FOLDER / f'{name}.json').write_text(text + '\n', encoding='utf-8')


def named(values):
    """An object a value: a list of plain values has more than one layout that formatters agree with."""
    return {str(i): value for i, value in enumerate(values)}


def canonical_vectors():
    lists = [
        ['label'],
        ['', ''],
        ['label', 'text', 42, b'\x00\xff'],
        ['label', '1', 1, b'1'],
        ['label', 0, 9007199254740991],
        ['label', 'Zoë', 'Zoe\u0308', '\U0001f511', b''],
        ['label', 'x' * 300],
    ]
    rows = [
        {},
        {'b': 2, 'a': 'one', 'c': None, 'a_b': b'\x01', 'aB': 'upper case comes first'},
        {'created_at': 1780000000000, 'revoked_at': None, 'name_index': bytes(range(32)), 'kind': 'service'},
    ]
    write(
        'canonical',
        {
            'canonical': [{'values': named(values), 'bytes': canonical(*values)} for values in lists],
            'columns': [{'row': row, 'bytes': columns(row)} for row in rows],
        },
    )


def blob_vectors():
    cases = [
        (0, b'', b''),
        (1, b'place', b'plain'),
        (4294967295, canonical('mobius/row/1', 'vlt', 'table', 'id'), bytes(range(256))),
    ]
    blobs = []
    for i, (epoch, associated, plain) in enumerate(cases):
        key, nonce = made_up(f'blob key {i}', 32), made_up(f'blob nonce {i}', 24)
        sealed = blob(key, epoch, associated, plain, nonce)
        blobs.append(dict(key=key, epoch=epoch, nonce=nonce, associated=associated, plain=plain, sealed=sealed))
    texts = ['{}', '{"name":"' + 'x' * 49 + '"}', '{"name":"' + 'x' * 50 + '"}', '{"name":"Zoë"}']
    lengths = [1, 59, 60, 61, 64, 65, 124, 125, 128, 129, 1000, 4096, 5000, 65536, 70000, 1048576, 1048577, 9999999]
    write(
        'blob',
        {
            'blobs': blobs,
            'padding': [{'text': text, 'padded': padded(text)} for text in texts],
            'padme': [{'length': one, 'padded': len(padded_by_padme('x' * one))} for one in lengths],
        },
    )


PASSPHRASE = 'plainly a fake pa\u0308ssphrase'
PARAMS = {
    'algorithm': 'argon2id13',
    'operations': 3,
    'memory_bytes': 65536,
    'salt': made_up('salt', 16).hex(),
}


def key_vectors():
    randoms = [bytes(32), b'\xff' * 32, made_up('key', 32)]
    recovery = [bytes(20), b'\xff' * 20, made_up('recovery', 20)]
    vault_key = key_text('mbv_', made_up('vault key', 32))
    secret = recovery_secret(made_up('recovery code', 20))
    composed = unicodedata.normalize('NFC', PASSPHRASE).encode()
    costs = [(1, 8192), (2, 9216), (1, 1048576)]
    derived = [
        {
            'passphrase': PASSPHRASE,
            'bytes': composed,
            'salt': made_up('salt', 16),
            'operations': operations,
            'memory_bytes': memory,
            'key': argon2id(composed, made_up('salt', 16), operations, memory),
        }
        for operations, memory in costs
    ]
    ids = [bytes(16), b'\xff' * 16, uuid.UUID('0190163d-8694-739b-aea5-966c26f8ad91').bytes]
    write(
        'keys',
        {
            'type_ids': [{'prefix': 'prj', 'uuid': one, 'id': type_id('prj', one)} for one in ids],
            'keys': [
                {'prefix': prefix, 'random': one, 'key': key_text(prefix, one)}
                for prefix in ('mbv_', 'mbx_')
                for one in randoms
            ],
            'recovery_codes': [
                {
                    'random': one,
                    'secret': recovery_secret(one),
                    'checksum': recovery_checksum(recovery_secret(one)),
                    'code': recovery_code(recovery_secret(one)),
                }
                for one in recovery
            ],
            'argon2id': derived,
            'slot_keys': [
                {'kind': 'key-file', 'params': '{}', 'secret': vault_key, 'key': plain_slot_key('key-file', vault_key)},
                {'kind': 'keychain', 'params': '{}', 'secret': vault_key, 'key': plain_slot_key('keychain', vault_key)},
                {
                    'kind': 'recovery',
                    'params': '{}',
                    'secret': recovery_code(secret),
                    'key': plain_slot_key('recovery', secret),
                },
                {
                    'kind': 'passphrase',
                    'params': json.dumps(PARAMS, separators=(',', ':')),
                    'secret': PASSPHRASE,
                    'key': argon2id(composed, made_up('salt', 16), PARAMS['operations'], PARAMS['memory_bytes']),
                },
            ],
        },
    )


def vault_vectors():
    """A whole vault in the middle of a re-key: its rows are sealed under two epochs."""
    now = 1780000000000
    vault_id = make_id('vlt', 1)
    root, next_root = made_up('root key', 32), made_up('next root key', 32)
    ring = {(purpose, 1): made_up(f'{purpose} key', 32) for purpose in ('record', 'index', 'key-hash', 'audit')}
    ring['record', 2] = made_up('record key of epoch 2', 32)
    nonces = iter(range(1000))
    tables = []
    steps = []

    def sealed_with(step, key, epoch, associated, plain, given):
        nonce = made_up(f'nonce {next(nonces)}', 24)
        sealed = blob(key, epoch, associated, plain, nonce)
        steps.append(
            dict(
                step=step,
                inputs=given,
                key=key,
                epoch=epoch,
                associated=associated,
                nonce=nonce,
                plain=plain,
                sealed=sealed,
            )
        )
        return sealed

    def put(table, row):
        tables.append({'table': table, 'row': row})

    put('vault', {'id': vault_id, 'format': 1, 'epoch': 2, 'scrub_pending_at': None, 'created_at': now})

    vault_key = key_text('mbv_', made_up('vault key', 32))
    chain_key = key_text('mbv_', made_up('keychain key', 32))
    secret = recovery_secret(made_up('recovery code', 20))
    composed = unicodedata.normalize('NFC', PASSPHRASE).encode()
    slots = [
        ('key-file', '{}', plain_slot_key('key-file', vault_key)),
        ('keychain', '{}', plain_slot_key('keychain', chain_key)),
        ('recovery', '{}', plain_slot_key('recovery', secret)),
        (
            'passphrase',
            json.dumps(PARAMS, separators=(',', ':')),
            argon2id(composed, made_up('salt', 16), PARAMS['operations'], PARAMS['memory_bytes']),
        ),
    ]
    for i, (kind, params, key) in enumerate(slots):
        slot = {'id': make_id('slot', 10 + i), 'kind': kind, 'params': params, 'created_at': now + i}
        sealed = sealed_with('keyslot', key, 0, keyslot_place(vault_id, slot), root, slot)
        put('keyslots', {**slot, 'sealed': sealed})

    for (purpose, epoch), key in ring.items():
        place = keyring_place(vault_id, purpose, epoch)
        given = {'purpose': purpose, 'epoch': epoch}
        put('keyring', {**given, 'sealed': sealed_with('keyring', root, epoch, place, key, given)})

    rekey_id = make_id('rky', 20)
    place = canonical('mobius/next-root/1', vault_id, rekey_id)
    sealed = sealed_with('next-root', root, 2, place, next_root, {'id': rekey_id})
    put(
        'rekey',
        {'id': rekey_id, 'table_name': 'principals', 'after_id': '', 'started_at': now + 9, 'sealed': sealed},
    )

    indexes = []

    def index(*parts):
        hashed = blake2b(canonical('mobius/index/1', *parts), ring['index', 1])
        indexes.append({'parts': named(parts), 'hash': hashed})
        return hashed

    def sealed_row(table, epoch, id, clear, text):
        given = {'table': table, 'id': id, 'clear': clear, 'text': text}
        place = row_place(vault_id, table, id, clear)
        return sealed_with('row', ring['record', epoch], epoch, place, padded(text), given)

    def record(table, epoch, id, clear, plain, free=None):
        text = json.dumps(plain, separators=(',', ':'), ensure_ascii=False)
        put(table, {'id': id, **clear, **(free or {}), 'sealed': sealed_row(table, epoch, id, clear, text)})

    def tag(project, id, tags):
        for key, value in tags.items():
            row = {'tag_index': index('tag', project, f'{key}:{value}'), 'key_index': index('tag.key', project, key)}
            put('tags', {'resource_id': id, **row})

    times = {'created_at': now, 'updated_at': now + 5}
    project = make_id('prj', 30)
    handle = 'default'
    clear = {'handle_index': index('project.handle', handle), 'archived_at': None, **times}
    record('projects', 2, project, clear, {'handle': handle, 'name': 'Default'})

    def principal(epoch, n, name, kind, change, plain):
        id = make_id('prin', n)
        clear = {
            'project_id': project,
            'name_index': index('principal.name', project, name),
            'kind': kind,
            'owner_id': None,
            'disabled_at': None,
            'archived_at': None,
            **times,
            **change,
        }
        record('principals', epoch, id, clear, {'name': name, **plain})
        return id

    tags = {'env': 'prod', 'a:b': 'c:d'}
    zoe = principal(1, 31, 'Zoë', 'user', {}, {'metadata': {'desk': [1, 2.5, None]}, 'tags': tags})
    tag(project, zoe, tags)
    change = {'name_index': None, 'archived_at': now + 3, 'owner_id': zoe, 'disabled_at': now + 2}
    principal(2, 32, 'gone', 'service', change, {'description': 'archived: its name is free'})

    role, name = make_id('role', 33), 'CAFE\u0301'
    clear = {'project_id': project, 'name_index': index('role.name', project, fold(name)), **times}
    record('roles', 1, role, clear, {'name': name, 'permissions': ['mobius.keys.verify'], 'tags': {'t': ''}})
    tag(project, role, {'t': ''})

    clear = {
        'project_id': project,
        'principal_id': zoe,
        'role_id': role,
        'granted_by': None,
        'created_at': now,
    }
    record('role_assignments', 1, make_id('ras', 34), clear, {})

    api_keys = {}
    hashes = []
    for n, name, change in [
        (35, 'good', {}),
        (36, 'revoked', {'name_index': None, 'revoked_at': now + 4, 'expires_at': now + 6}),
    ]:
        text = key_text('mbx_', made_up(f'api key {name}', 32))
        api_keys[name] = text
        key_hash = blake2b(canonical('mobius/api-key/1', text), ring['key-hash', 1])
        hashes.append({'key': text, 'hash': key_hash})
        clear = {
            'project_id': project,
            'principal_id': zoe,
            'name_index': index('api-key.name', project, name),
            'key_hash': key_hash,
            'expires_at': None,
            'disabled_at': None,
            'revoked_at': None,
            **times,
            **change,
        }
        plain = {'name': name, 'prefix': text[:8], 'suffix': text[-3:]}
        record('api_keys', 1, make_id('key', n), clear, plain, {'last_used_at': None if change else now + 7})

    links = []
    before = bytes(32)
    for seq, (in_project, action, type_, resource, plain) in enumerate(
        [
            (None, 'vault.init', 'vault', vault_id, {'actor_name': 'owner'}),
            (
                project,
                'principals.create',
                'principal',
                zoe,
                {'actor_name': 'owner', 'resource_name': 'Zoë', 'changes': {'10': 1, 'b': [], 'a': 'Zoë "/\\\n'}},
            ),
        ],
        1,
    ):
        id = make_id('aud', 40 + seq)
        clear = {
            'project_id': in_project,
            'action': action,
            'resource_type': type_,
            'resource_id': resource,
            'principal_id': None,
            'credential_id': None,
            'created_at': now + seq,
        }
        text = json.dumps(plain, separators=(',', ':'), ensure_ascii=False)
        mac = blake2b(canonical('mobius/audit/1', id, text.encode()) + columns(clear), ring['audit', 1])
        hashed = blake2b(canonical('mobius/audit-chain/1', before, seq, id, mac))
        links.append(dict(id=id, clear=clear, text=text, before=before, seq=seq, mac=mac, hash=hashed))
        before = hashed
        sealed = sealed_row('audit_log', 1, id, clear, text)
        put('audit_log', {'id': id, 'seq': seq, **clear, 'sealed': sealed, 'mac': mac, 'hash': hashed})

    secret_id, name = make_id('sec', 50), 'db/prød'
    clear = {
        'project_id': project,
        'name_index': index('secret.name', project, name),
        'version': 2,
        'expires_at': None,
        'created_by': zoe,
        'updated_by': None,
        **times,
    }
    record('secrets', 2, secret_id, clear, {'name': name, 'tags': {'t': ''}, 'max_versions': 2})
    tag(project, secret_id, {'t': ''})
    values = []
    for n, state, given in [(1, 'DESTROYED', {'a': '1'}), (2, 'ENABLED', {'\u20ac': 'Zo\u00eb "/\\\n', 'a': '2'})]:
        id = make_id('ver', 50 + n)
        clear = {
            'project_id': project,
            'secret_id': secret_id,
            'version': n,
            'state': state,
            'created_by': zoe,
            'created_at': now + n,
            'disabled_at': now + 3 if n == 1 else None,
            'destroy_at': None,
            'destroyed_at': now + 4 if n == 1 else None,
        }
        text = json.dumps({key: given[key] for key in sorted(given, key=utf16)}, separators=(',', ':'), ensure_ascii=False)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        plain = {'sha256': sha256, 'key_names': sorted(given, key=utf16)}
        if n == 2:
            data_key = made_up('data key', 32)
            place = canonical('mobius/secret-values/1', vault_id, id)
            given_to = {'version_id': id, 'text': text}
            sealed = sealed_with('values', data_key, 1, place, padded_by_padme(text), given_to)
            plain['data_key'] = base64.b64encode(data_key).decode()
            values.append({'version_id': id, 'sealed': sealed})
        record('secret_versions', 1, id, clear, plain)
    for row in values:
        put('secret_values', row)

    write(
        'vault',
        {
            'vault_id': vault_id,
            'now': now + 60000,
            'root_key': root,
            'next_root_key': next_root,
            'opened_by': {
                'key_file': vault_key,
                'keychain': chain_key,
                'recovery': recovery_code(secret),
                'passphrase': PASSPHRASE,
            },
            'ring': [dict(purpose=purpose, epoch=epoch, key=key) for (purpose, epoch), key in ring.items()],
            'blobs': steps,
            'indexes': indexes,
            'api_keys': api_keys,
            'api_key_hashes': hashes,
            'audit': links,
            'tables': tables,
        },
    )


canonical_vectors()
blob_vectors()
key_vectors()
vault_vectors()
