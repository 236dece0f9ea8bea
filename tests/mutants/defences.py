"""One line each that takes a defence away, and the attack that must then succeed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` stands once in `file`; with `new` in its place, `test` fails."""

    file: str
    old: str
    new: str
    test: str


MUTANTS = (
    Mutant(
        "app/stored_objects.py",
        'if unusual.get("cache-control") == CACHE_CONTROL:',
        'if "cache-control" in unusual:',
        "tests/unit/test_stored_objects.py::test_any_other_cache_control_is_one",
    ),
    Mutant(
        "app/access.py",
        "    Action.RENEW: frozenset({_S.UPLOADER}),",
        "    Action.RENEW: frozenset({_S.UPLOADER, _S.CONTEXT_HOLDER}),",
        "tests/flow/test_renew_upload.py::test_nobody_but_the_uploader_renews_or_sees_when_it_ends",
    ),
    Mutant(
        "sql/queries/expire_media.sql",
        "          WHEN 'pending' THEN upload_expires_at + $6 * interval '1 second' <= now()",
        "          WHEN 'pending' THEN $6 IS NOT NULL",
        "tests/flow/test_renew_upload.py::test_a_sweep_that_saw_the_old_end_expires_no_renewed_upload",
    ),
    Mutant(
        "app/api/signing_keys.py",
        "algorithm for algorithm in algorithms if algorithm == named)",
        "algorithm for algorithm in algorithms if named)",
        "tests/attacks/test_token_games.py::TestWantsToForgeWithAPublishedKey::test_by_another_algorithm_of_the_same_key",
    ),
    Mutant(
        "sql/migrations/0005_renewals_and_batches.sql",
        "WHEN uploads_per_minute > 0 AND cardinality(recent) >= uploads_per_minute THEN",
        "WHEN false THEN",
        "tests/attacks/test_limit_races.py::test_more_than_twenty_uploads_in_a_minute",
    ),
    Mutant(
        "sql/migrations/0005_renewals_and_batches.sql",
        "asking.pending_uploads >= most_pending",
        "asking.pending_uploads > most_pending",
        "tests/attacks/test_limit_races.py::test_more_than_fifty_uploads_open",
    ),
    Mutant(
        "sql/migrations/0005_renewals_and_batches.sql",
        "asking.held_bytes + entry.file_size > quota_bytes",
        "asking.held_bytes > quota_bytes",
        "tests/attacks/test_limit_races.py::test_a_byte_over_the_quota",
    ),
    Mutant(
        "app/presigned_upload.py",
        '"if-none-match": "*",',
        "",
        "tests/attacks/test_replays.py::test_to_put_other_bytes_over_those_that_wait_for_their_check",
    ),
    Mutant(
        "app/presigned_upload.py",
        'headers={"content-length": str(pending.file_size), **headers},',
        "headers=headers,",
        "tests/attacks/test_body_games.py::test_to_store_other_bytes_as",
    ),
    Mutant(
        "app/presigned_upload.py",
        'headers["x-amz-checksum-sha256"] = pending.declared_checksum_sha256',
        "pass",
        "tests/attacks/test_body_games.py::test_to_serve_other_bytes_of_the_same_length",
    ),
    Mutant(
        "app/flow/grant_download.py",
        'query["versionId"] = media.version_id',
        "pass",
        "tests/attacks/test_replays.py::test_to_read_through_an_old_link_what_was_put_after_the_deletion",
    ),
    Mutant(
        "app/flow/grant_download.py",
        '    disposition = "attachment"',
        "    pass",
        "tests/attacks/test_type_spoofing.py::test_to_have_served_as_the_other_thing",
    ),
    Mutant(
        "app/flow/finalize_upload.py",
        "        await _remove_late_bytes(media, database)",
        "        pass",
        "tests/attacks/test_replays.py::test_to_hold_more_than_one_may_by_putting_again",
    ),
    Mutant(
        "app/flow/finalize_upload.py",
        "if scanner is None or isinstance(verdict, Rejected):",
        "if True:",
        "tests/flow/test_finalize_scans.py::test_each_entrance_asks_the_scanner",
    ),
    Mutant(
        "app/api/uploads.py",
        "scanner=parts.scanner,",
        "scanner=None,",
        "tests/flow/test_finalize_scans.py::test_each_entrance_asks_the_scanner",
    ),
    Mutant(
        "app/content.py",
        'if detected == "application/pdf" and not first_bytes.startswith(b"%PDF-"):',
        "if False:",
        "tests/attacks/test_type_spoofing.py::test_to_pass_off",
    ),
    Mutant(
        "app/content.py",
        "EQUIVALENTS.get(detected, ())",
        "EQUIVALENTS.get(detected, (declared,))",
        "tests/attacks/test_type_spoofing.py::test_to_pass_off",
    ),
    Mutant(
        "app/content.py",
        "if detected == _SVG:",
        "if False:",
        "tests/attacks/test_type_spoofing.py::test_to_have_svg_served_where_an_operator_allows_it",
    ),
    Mutant(
        "app/stored_objects.py",
        '        "content-length",',
        '        "content-length", "content-encoding",',
        "tests/attacks/test_body_games.py::test_to_have_bytes_unpacked_by_the_reader",
    ),
    Mutant(
        "app/object_store.py",
        '"x-amz-metadata-directive": "REPLACE",',
        '"x-amz-metadata-directive": "COPY",',
        "tests/attacks/test_body_games.py::test_to_have_bytes_unpacked_by_the_reader",
    ),
    Mutant(
        "app/object_store.py",
        "return [version for versions in listed for version in versions]",
        "return [DeleteObject(address.key) for address in batch]",
        "tests/attacks/test_replays.py::test_to_find_an_old_version",
    ),
    Mutant(
        "app/events.py",
        'if "\\0" in address.bucket or "\\0" in address.key:',
        "if False:",
        "tests/attacks/test_forged_notifications.py::test_to_stop_the_stream_by",
    ),
    Mutant(
        "app/field_problems.py",
        "(msgspec.MsgspecError, UnicodeDecodeError, RecursionError)",
        "(msgspec.MsgspecError, UnicodeDecodeError)",
        "tests/attacks/test_forged_notifications.py::test_to_stop_the_stream_by",
    ),
    Mutant(
        "app/lanes.py",
        "await _reply(message.term())",
        "pass",
        "tests/attacks/test_forged_notifications.py::test_to_stop_the_stream_by",
    ),
    Mutant(
        "sql/queries/finalize_upload.sql",
        "WHERE incoming_bucket = $1 AND incoming_path = $2;",
        "WHERE $1::varchar IS NOT NULL AND incoming_path = $2;",
        "tests/attacks/test_forged_notifications.py::test_to_have_an_upload_settled_by_its_key_in_another_bucket",
    ),
    Mutant(
        "sql/migrations/0005_renewals_and_batches.sql",
        "WHERE m.uploaded_by = uploader AND m.idempotency_key = entry.idempotency_key;",
        "WHERE m.idempotency_key = entry.idempotency_key;",
        "tests/attacks/test_cross_object.py::test_to_get_their_upload_by_their_idempotency_key",
    ),
    Mutant(
        "app/media.py",
        "secrets.token_urlsafe(_KEY_BYTES)",
        "str(_KEY_BYTES)",
        "tests/attacks/test_cross_object.py::test_to_share_a_key_by_asking_at_once",
    ),
    Mutant(
        "sql/queries/find_media.sql",
        "AND ($3 OR uploaded_by = $2 OR (context_type",
        "AND (true OR $3 OR uploaded_by = $2 OR (context_type",
        "tests/attacks/test_idor.py::test_one_gets_what_the_table_gives",
    ),
    Mutant(
        "sql/queries/list_media.sql",
        "WHERE uploaded_by = $1 AND status <> 'deleted'",
        "WHERE $1::uuid IS NOT NULL AND status <> 'deleted'",
        "tests/attacks/test_idor.py::test_a_list_holds_what_one_may_see",
    ),
    Mutant(
        "app/access.py",
        "if holder.epoch != media.link_epoch:",
        "if False:",
        "tests/attacks/test_idor.py::test_a_revoked_token_opens_nothing",
    ),
    Mutant(
        "app/access.py",
        "if not media.is_public:",
        "if False:",
        "tests/attacks/test_idor.py::test_the_token_of_a_private_file_opens_nothing",
    ),
    Mutant(
        "app/access.py",
        "if principal.is_service:",
        "if True:",
        "tests/attacks/test_idor.py::test_what_only_looks_like_a_role_or_scope_gives_nothing",
    ),
    Mutant(
        "app/api/admin.py",
        "guards = (admins_only,)",
        "guards = ()",
        "tests/attacks/test_idor.py::test_one_gets_what_the_table_gives",
    ),
    Mutant(
        "app/api/bearer_tokens.py",
        "            algorithms=by.algorithms,",
        '            algorithms=[*by.algorithms, "none", "HS512"],',
        "tests/attacks/test_token_games.py::TestWantsToBeSomeoneElse",
    ),
    Mutant(
        "app/api/bearer_tokens.py",
        "            audience=self._keys.audience,",
        '            audience=[self._keys.audience, "media-download", "billing"],',
        "tests/attacks/test_token_games.py::TestWantsToBendAClaim",
    ),
    Mutant(
        "minio-policies/uploader.json",
        '"Action": ["s3:PutObject"],',
        '"Action": ["s3:PutObject", "s3:GetObject"],',
        "tests/attacks/test_identities.py::test_the_uploader_reads_lists_and_deletes_nothing",
    ),
    Mutant(
        "app/upload_request.py",
        "class UploadRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):",
        "class UploadRequest(msgspec.Struct, frozen=True, kw_only=True):",
        "tests/attacks/test_json_games.py::TestWantsToSayWhatTheServiceSays",
    ),
    Mutant(
        "app/api/request_bounds.py",
        "target_bytes: int = 4_096",
        "target_bytes: int = 4_096_000",
        "tests/attacks/test_request_games.py::TestWantsToFillMemory::test_a_long_target_is_refused",
    ),
    Mutant(
        "deploy/edge/haproxy.cfg",
        "if { req.fhdr(x-amz-content-sha256) -m sub -i streaming }",
        "if { req.fhdr(x-amz-content-sha256) -m str nothing }",
        "tests/attacks/test_edge.py::test_no_body_comes_in_pieces",
    ),
    Mutant(
        "app/api/bearer_tokens.py",
        "        _check_times(claims, self._keys.leeway_seconds)",
        "        assert claims",
        "tests/attacks/test_token_games.py::TestWantsToBendAClaim::test_and_is_told_which_it_was",
    ),
    Mutant(
        "app/api/auth.py",
        "    if len(sent) > 1:",
        "    if False:",
        "tests/attacks/test_token_games.py::TestWantsToConfuseTheReader::test_with_two_headers",
    ),
    Mutant(
        "app/api/download_tokens.py",
        "        if claims.sub != media_id:",
        "        if False:",
        "tests/attacks/test_token_games.py::TestWantsToUseATokenForWhatItIsNot::test_a_temporary_token_opens_no_door_but_its_own",
    ),
    Mutant(
        "app/api/published_keys.py",
        "        if self._clock() - self._tried_at < _PAUSE_SECONDS:",
        "        if False:",
        "tests/attacks/test_ssrf.py::TestWantsTheApiToFetch::test_keys_again_and_again",
    ),
    Mutant(
        "app/api/bounded_http.py",
        "        if any(size > self._longest_body for size in sizes):",
        "        if False:",
        "tests/attacks/test_request_games.py::TestWantsToFillMemory::test_a_long_body_is_not_read_though_nobody_has_said_who_calls",
    ),
    Mutant(
        "app/api/bounded_http.py",
        "        if self._body_bytes > self._longest_body:",
        "        if False:",
        "tests/attacks/test_request_games.py::TestWantsToFillMemory::test_a_chunked_body_is_not_taken_though_nobody_has_said_who_calls",
    ),
    Mutant(
        "app/api/bounded_http.py",
        "        if self._phase is _Phase.HEAD and self._received > self._longest_head:",
        "        if False:",
        "tests/attacks/test_request_games.py::TestWantsToFillMemory::test_one_header_that_never_ends_is_refused",
    ),
    Mutant(
        "app/api/bounded_http.py",
        "            self._timer = self.loop.call_later(self._seconds, self._overdue)",
        "            self._timer = None",
        "tests/attacks/test_request_games.py::TestWantsToHoldConnections::test_a_head_that_does_not_end_is_refused",
    ),
    Mutant(
        "app/api/bounded_http.py",
        "        if self._refused or self._phase is not _Phase.HEAD:",
        "        if self._refused:",
        "tests/attacks/test_request_games.py::TestWantsToSmuggle::test_trailers_are_no_headers",
    ),
    Mutant(
        "app/api/bounded_http.py",
        '        "forwarded_allow_ips": list(trusted_proxies),',
        '        "forwarded_allow_ips": "*",',
        "tests/attacks/test_header_injection.py::TestWantsAnAddressOfAnother::test_behind_a_proxy_it_is_what_the_proxy_saw",
    ),
    Mutant(
        "app/api/request_rate.py",
        "    return str(IPv6Address(int(address) >> 64 << 64))",
        "    return str(address)",
        "tests/attacks/test_header_injection.py::TestWantsAnAddressOfAnother::test_all_addresses_of_an_ipv6_network_are_one",
    ),
    Mutant(
        "app/offered_name.py",
        '_split(_forbidden.sub("_", without_unshown(original)).rstrip(" ."), mime_type)',
        "_split(original, mime_type)",
        "tests/attacks/test_header_injection.py::TestWantsToChooseTheDownloadsHeaders::test_by_a_file_name",
    ),
    Mutant(
        "app/object_store.py",
        '"if-none-match": "*",',
        "",
        "tests/invoices/test_render_deaths.py::test_bytes_of_a_forgotten_time_are_not_taken_for_another_order",
    ),
    Mutant(
        "app/flow/render_invoice.py",
        'if stored.order_sha256 != claim["order_sha256"]:',
        "if False:",
        "tests/invoices/test_render_deaths.py::test_bytes_of_a_forgotten_time_are_not_taken_for_another_order",
    ),
    Mutant(
        "app/flow/render_invoice.py",
        'if versions and order.supersedes != versions[-1]["media_id"]:',
        "if False:",
        "tests/invoices/test_render_invoice.py::test_other_data_under_the_same_number_is_refused",
    ),
    Mutant(
        "app/api/invoices.py",
        "    check(connection.user, Action.UPLOAD_INVOICE)",
        "    return",
        "tests/invoices/test_render_invoice.py::test_only_services_with_the_scope_make_invoices",
    ),
)
