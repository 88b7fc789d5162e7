dnl Include in /etc/mail/sendmail.mc, behind the MAILER lines:
dnl     include(`/etc/mail/mailspur.m4')dnl
dnl Our domains stand in no class of Sendmail (not in w, R, relay-domains, mailertable): mailspurd answers for each
dnl recipient, so that a new domain works with the next RCPT, and while mailspurd is down only mail for our names is deferred.
dnl Both paths as in mailspur.yaml (sockets.socketmap, milter.socket); sendmail runs as root and needs no group.
dnl
dnl The map's name is what mailspurd is asked with: `access'. FEATURE(`access_db') owns that name, so it cannot stand beside it.
LOCAL_CONFIG
Kaccess socket -T<TMPF> local:ifdef(`confMAILSPUR_SOCKETMAP', `confMAILSPUR_SOCKETMAP', `/run/mailspur/socketmap.sock')
LOCAL_RULESETS
SLocal_check_rcpt
dnl This host's own names, and clients that may relay, are none of ours to decide. The whole address is the key.
R$*				$: $1 $| $>CanonAddr $1
R$* $| $+ <@ $=w .> $*		$@ $1
R$* $| $+ <@ $+ .> $*		$: $1 $| $2 <@ $3> $4
R$* $| $+ <@ $+> $*		$: $1 $| $(access $2@$3 $: NOTFOUND $)
R$* $| OK			$#OK
R$* $| $* <TMPF>		$#error $@ 4.3.0 $: "451 mail routing is restarting, try again later"
R$* $| $- $-.$-.$- $+		$#error $@ $3.$4.$5 $: $2 $6
R$* $| $*			$@ $1
dnl
dnl Last, behind every other milter: it takes the message over. F=T: without it mail is put off.
INPUT_MAIL_FILTER(`mailspur', `S=local:ifdef(`confMAILSPUR_MILTER', `confMAILSPUR_MILTER', `/run/mailspur/milter.sock'), F=T, T=C:30s;S:30s;R:60s;E:10m')dnl
define(`confMILTER_MACROS_CONNECT', `j, _, {daemon_name}, {if_name}, {if_addr}, {client_addr}')dnl
