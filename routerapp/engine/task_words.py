"""Words that point to a task, editable per installation. "phrase^2" weighs 2; no mark weighs 1.

Latin words match whole words; phrases in scripts without spaces match anywhere. A trailing * matches any ending.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

TaskWords = Mapping[str, tuple[str, ...]]

TASKS = ("chat", "code", "math", "reasoning", "writing", "summarize", "translate", "extract", "classify", "question")
# A class of a team's own, taught by examples: only a trained task head says it. As long as the column that records it.
_OWN_TASK = re.compile(r"own-[a-z0-9-]{1,16}")


def is_own_task(name: str) -> bool:
    """Whether this may be the name of a class of a team's own."""
    return _OWN_TASK.fullmatch(name) is not None


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace("\n", " ").split("|") if part.strip())


DEFAULT_TASK_WORDS: TaskWords = {
    "code": _words("""
        awk^2 | go^0.5 | in go^1.5 | rds^1 | json schema^2 | mypy^2 | implement*^1.5 | left join^2 | data.frame^2 | matplotlib^2 | excel^1.2 | csv^0.8 | branch^0.8 | pipeline^0.8 | token bucket^1.5 | postgres^0.5 | patch^0.8 | shell^1.2 | javascript^1 | コマンド^1.5 | sqlを^2 | spalte^0.6 | in r^1.2 | fichero^0.4 | configur*^0.5 | implementa^1 | implémente^1 |
        python^2 | javascript^2 | typescript^2 | java^2 | rust^2 | golang^2 | kotlin^2 | swift^2 | php^2 | c++^2 | c#^2 | haskell^2 |
        sql^2 | postgres*^2 | sqlite^2 | mysql^2 | bash^2 | shell script^2 | powershell^2 | regex*^2 | regexp^2 | dockerfile^3 | docker^2 |
        kubernetes^2 | kubectl^2 | helm^1 | terraform^2 | nginx^2 | systemd^2 | cron^2 | crontab^2 | git^2 | github^1 | yaml^1 | makefile^2 |
        django^2 | react^2 | flask^2 | fastapi^2 | numpy^2 | pandas^2 | css^2 | html^1.5 | api^0.7 | function^0.8 | method^0.5 | class^0.4 |
        unit test*^2 | pytest^2 | refactor*^2 | debug*^1.5 | bug^1 | stack trace^2 | traceback^3 | exception^1.5 | segfault^3 |
        compile*^1.5 | compiler^2 | thread safe^2 | null pointer^2 | script^1 | query^1 | algorithm^1.2 | code review^2 | codebase^2 |
        vim^2 | vimrc^2 | linux^0.8 | endpoint^1 | merge conflict^2 | async^1.5 | go^0.3 | github actions^2 | ci pipeline^2 |
        funktion^0.8 | abfrage^1.2 | skript^1.2 | fehlermeldung^1 | programmier*^2 | quellcode^2 | konsole^1 |
        fonction^0.8 | requête sql^2 | requête^0.8 | script shell^2 | programme^0.6 | déboguer^2 |
        función^0.8 | consulta sql^2 | consulta^0.6 | programa^0.5 | depurar^2 | código^1.2 | code^1.2 |
        função^0.8 | funzione^0.8 | codice^1.2 | codigo^1.2 |
        コード^2 | 関数^2 | スクリプト^2 | プログラム^1.5 | クエリ^2 | バグ^2 | エラー^1 | 正規表現^3 | コンパイル^2 | 実装^1.5 |
        代码^2 | 函数^1.5 | 脚本^2 | 编程^2 | 程序^1.5 | 报错^2 | 正则^2
    """),
    "math": _words("""
        derive*^1 | variance^1.5 | hash collisions^1 | rounded^1.2 | each^0.2 | ratio^1.2 | brutto^1 | netto^1 | mwst^1.2 | arrondi^1.2 | wahrscheinlich^1.2 | loyer^0.4 | いくら^1.2 | 割り勘^2 | 合計^1 | mbit/s^1 | expected value^2 | how much time^1.5 |
        solve^1.2 | calculate^2 | compute^1.5 | equation*^2 | integral^2 | integrate^1.5 | derivative^2 | differentiate^1.5 | prove^1.5 | proof^1.5 |
        probability^2 | percent^1 | percentage^1.2 | square root^2 | sqrt^2 | irrational^2 | prime^1 | prime number*^2 | matrix^1.5 | determinant^2 | eigenvalue*^2 |
        average^0.8 | how much^0.6 | sum of^1.2 | interest rate^1 | compound interest^2 | remainder^1.5 | divisible^2 | area of^1.5 | volume of^1.5 | triangle^1.2 | radius^1.5 |
        standard deviation^2 | factorial^2 | log2^2 | simplify^1.2 | factor^0.5 | limit of^1.5 | how many^0.9 | mean and^0.7 | km/h^1.5 | mph^1 | total cost^1 | modulo^2 | dice^1.2 | cards^0.4 |
        berechne*^2 | rechne*^1.5 | gleichung^2 | ableitung^2 | leite^1.2 | beweise*^2 | wahrscheinlichkeit^2 | prozent^1.2 | wurzel^1.5 | wie viel*^0.8 | summe^1 | löse^1.5 | integriere^2 | quersumme^2 | teilbar^2 | rabatt^0.8 | zinsen^1.2 | durchschnitt^0.8 | flächeninhalt^2 | primzahl*^2 |
        calcule*^2 | calculer^2 | équation^2 | inéquation^2 | dérivée^2 | démontre*^2 | probabilité^2 | pourcentage^1.2 | pour cent^1 | racine^1.5 | combien^0.9 | résous^2 | résoudre^1.2 | somme^1 | intégrale^2 | triangle^1 | périmètre^2 | moyenne^0.8 | tva^0.8 |
        calcula*^2 | calcular^2 | ecuación^2 | derivada^2 | demuestra*^2 | probabilidad^2 | por ciento^1 | raíz^1.5 | cuánto*^0.8 | cuánta*^0.8 | resuelve^2 | suma^0.8 | integral^2 | área^1 | triángulo^1.5 | promedio^0.8 | porcentaje^1.2 | descuento^0.8 | raiz^1.5 |
        quanto é^1.5 | calcule^2 | resolva^2 | probabilidade^2 | raiz quadrada^2 | equação^2 | calcola^2 | quanto fa^1.5 | equazione^2 | probabilità^2 | radice^1.5 | derivada^2 | risolvi^2 |
        計算^2 | 方程式^2 | 確率^2 | 証明^2 | 微分^2 | 積分^2 | 平均^0.8 | 何パーセント^1.5 | いくつ^0.8 | 何人^0.7 | 何円^1.2 | 何個^1 | 平方根^2 | 素数^2 | 割引^1 | 面積^1.5 | 連立^2 | 時速^2 | 解いて^1.5 | 求め^1.5 |
        计算^2 | 方程^2 | 概率^2 | 证明^1.5 | 求导^2 | 导数^2 | 积分^1.5 | 多少钱^0.8 | 百分之^1.5 | 平方^1.5 | 解^0.5 | 打折^1
    """),
    "reasoning": _words("""
        suppose^1.2 | shift*^0.6 | four colleagues^1.5 | who can^0.8 | each takes^1 | hates^0.2 | identical*^1 | plan an^1.5 | pick between^2 | we need to pick^2 | argue^1 | rota^1.5 | propose^1 | whose^0.6 | lügt^2 | rückwärts^1.2 | fermier^1 | barque^1.2 | mesa redonda^1.5 | sientan^1.2 | queremos^0.8 | 行程^1.5 | 札^1.5 | voici trois^1 | réclame^0.6 | useless^0.4 | lies^0.8 | lying^1.2 | possible^0.3 | recommend*^0.7 | empfiehl*^0.8 | makes more sense^1.5 | sinnvoller^1.5 | mehr sinn^1.5 |
        step by step^1 | puzzle^2 | riddle^2 | logic^1.2 | deduce^2 | conclude^1.5 | follow*^0.3 | trade-off*^2 | tradeoff*^2 | trade off*^2 | pros and cons^2 | weigh^1.2 | should i^1.4 | should we^1.6 | which option^1.5 | decide^1.2 | decision^1 | plan^0.7 | prioriti*^1.2 | strategy^0.8 |
        what would you^1 | compare^0.8 | consequence*^1.2 | second-order^2 | assumption*^1.2 | hypothes*^1.2 | if all^1.5 | taller than^2 | knights^1.5 | liar*^1.5 | who owns^1.5 | root cause^1.5 | why might^1.2 | explanations^1.2 | seat*^0.5 | order them^1.5 | schedule^0.8 | constraints^1 | argue^0.8 | evaluate^0.8 | better choice^1.5 | figure out^1 | must be true^2 | contradict*^1.5 | what follows^1.5 | who is^0.1 | think through^1.5 | river^0.6 | scenario^0.6 | or b^0.6 | worth it^1.2 |
        logisch^1.5 | rätsel^2 | folgt^1 | schlussfolger*^2 | abwägen^2 | vor- und nachteile^2 | soll ich^1.6 | sollen wir^1.6 | sollten wir^1.6 | lohnt^1.2 | entscheid*^1.2 | plane^1 | reihenfolge^1.2 | ritter^1.5 | lügen^1.2 | vergleiche*^0.8 | begründe*^1 | was spricht^1.5 | priorisier*^1.5 | woran kann^1 | schritt für schritt^1 | annahme*^1 | älter als^1.5 | größer als^1.2 |
        énigme^2 | logique^1.2 | déduire^2 | conclure^1.5 | avantages et^1.5 | devrais-je^1.6 | dois-je^1.2 | faut-il^1.4 | décider^1.2 | planifi*^1.2 | hypothèse*^1.2 | compatibles^1 | étape par étape^1 | comparer^0.8 | raisonne*^1.5 | plus grand que^1.2 | choisir^1 | priorité*^0.8 | qui ment^2 | mieux vaut^1.4 | on hésite^1.5 | j'hésite^1.5 |
        acertijo^2 | lógica^1.2 | deduce^2 | concluir^1.5 | pros y contras^2 | debería^1.4 | conviene^1.5 | decidir^1.2 | planifica*^1.5 | paso a paso^1 | elegir^1.2 | ventajas^1 | razona*^1.5 | más alto que^1.5 | compara^0.8 | me compensa^1.5 | hipótesis^1.2 |
        devo^0.8 | vale a pena^1.4 | prós e contras^2 | pro e contro^2 | scegliere^1.2 | ragiona^1.5 | mi conviene^1.5 | raciocín*^1.5 | indovinello^2 | quem^0.2 | vantagens^1 | escolher^1 |
        推理^2 | なぞなぞ^1.5 | 論理^1.5 | どちらが^1 | どっちが^1.2 | べき^1.2 | 計画^1 | 優先順位^1.5 | 比較^0.8 | 嘘つき^2 | 考えて^0.6 | メリット^1.2 | デメリット^1.5 | 理由も^0.6 | 順番^1 | 判断^1.2 | 背が高い^1.5 | 仮説^1.2 | 成り立^1.2 |
        应该^1 | 利弊^2 | 推断^2 | 逻辑^1.5 | 值得^1.2 | 哪个更^1.2 | 谁在说谎^2 | 规划^1.2 | 权衡^2
    """),
    "writing": _words("""
        subject line*^2 | card text^2 | status page^1.2 | readable^1.2 | turn these^1.2 | word the^1.5 | caveat^0.6 | adjectives^1 | cut the^0.6 | readme^1.5 | answer this complaint^2 | in our name^1.2 | birthday card^1.8 | titres^1.2 | infolettre^1.8 | 作成して^1.2 | 送付状^2 | kürzen^0.6 | ton passt^1 | incident update^1.5 | titles^1 |
        write^1 | draft^1.5 | compose^2 | rewrite^2 | rephrase^2 | polish^1.5 | proofread^2 | email^0.7 | e-mail^0.5 | mail^0.3 | letter^0.8 | blog^1.5 | post^0.8 | tweet^2 | slogan*^2 | tagline^2 | headline*^1.2 | poem^2 | haiku^2 | story^1.5 | short story^2 | essay^1.8 | speech^1.5 | press release^2 | product description^2 | newsletter^1.5 | landing page^1 | ad copy^2 | caption^1.2 | names for^1.5 | cover letter^2 | invitation^1.2 | shorter and^1.2 | friendlier^1.5 | more formal^1.5 | tone^0.7 | linkedin^1 | job ad^1.5 | apology^1 | toast^0.8 | bio^1 | limerick^2 | song^1 | announcement^1 | wording^1.2 | reply to^0.8 | make this^0.6 | reword^2 | sound less^1.5 | paragraph about^1 |
        schreib*^1.5 | verfass*^2 | formulier*^1.8 | entwirf^1.8 | umformulieren^2 | gedicht^2 | geschichte^0.9 | brief^1 | einladung^1.2 | slogan^2 | werbetext^2 | pressemitteilung^2 | korrektur lesen^2 | korrigier*^1.2 | glätten^1.5 | höflich*^1 | betreffzeile^1.5 | rede^0.8 | anschreiben^1.5 | produktbeschreibung^2 | freundlicher^1.5 | dankesmail^1.5 | text für^1 | kündigung^0.7 | stellenanzeige^1.5 |
        écris^1.8 | écrire^1.2 | rédige*^2 | rédiger^1.8 | reformule*^2 | poème^2 | histoire^0.8 | lettre^0.9 | slogan^2 | accroche^1.8 | communiqué^1.5 | corrige^1.2 | plus poli^1.5 | discours^1.2 | invitation^1 | annonce^0.8 | post linkedin^2 | courriel^0.7 | mots doux^1 | ton^0.2 |
        escribe*^1.8 | redacta*^2 | reescribe^2 | poema^2 | cuento^1.8 | carta^0.8 | eslogan^2 | correo^0.5 | discurso^1.2 | invitación^1.2 | nota de prensa^2 | anuncio^1 | más formal^1.5 | suene^1.2 | corrige^1.2 | publicación^1 | mejora este^1.5 | reformula*^2 |
        escreva^1.8 | redija^2 | reescreva^2 | scrivi^1.8 | riscrivi^2 | poesia^1.8 | legenda^1.2 | convite^1.2 | racconto^1.2 | slogan^2 | deixe^0.3 | filastrocca^2 | correggi^1.2 |
        書いて^1.2 | 書き直^2 | 文章^0.8 | メールを^1 | 紹介文^2 | 俳句^2 | 物語^1.5 | キャッチコピー^3 | 案内文^2 | お礼^1 | 添削^2 | 下書き^2 | 作文^2 | 詩を^2 | 文面^1.8 | 丁寧に^1 | 断り^1.2 | 考えて^0.7 | プレスリリース^2 | 手紙^1 | スピーチ^1.5 | 投稿^1 | 言い換え^1.8 |
        写一^1.8 | 写封^2 | 写个^1.8 | 润色^2 | 改写^2 | 文案^2 | 标语^2 | 作文^2 | 诗^1.2 | 邮件^0.7 | 帮我写^2 | 故事^1
    """),
    "summarize": _words("""
        shorten this^2 | brief me^2 | resúmeme^3 | im kern^2 | kern^1 | max. 50 wörter^1.5 | retenir^1.5 | to 60 words^1.5 | words max^1 | lines max^1.5 | decision record^1 |
        summar*^3 | sum up^2 | tl;dr^3 | tldr^3 | in one sentence^1.8 | in two sentences^1.8 | in three^0.8 | key points^2 | main points^2 | gist^2.5 | condense^2.5 | shorten^1 | bullet points^1 | bullets^1 | abstract of^2 | takeaways^2 | in a nutshell^2 | executive summary^3 | recap^2.5 | boil*^1.5 | brief overview^1.5 | meeting notes^1.5 | highlights^1 | one line^0.8 | short version^2 | digest^1.5 | what's the point of^1.5 |
        zusammenfass*^3 | zusammen^0.8 | fass^2 | fasse^2 | kernaussage*^2.5 | stichpunkt*^1.2 | eindampfen^3 | in zwei sätzen^1.8 | in einem satz^1.8 | in drei sätzen^1.8 | kurzfassung^3 | überblick^1 | das wichtigste^1.8 | worum geht^1.8 | kürze*^1 | protokoll^0.8 |
        résum*^3 | en une phrase^1.8 | en deux phrases^1.8 | en trois^0.8 | en une ligne^1.8 | points clés^2 | l'essentiel^2 | synthèse^2.5 | synthétise*^2.5 | compte rendu^1 | grandes lignes^2 | en bref^1.8 | condense^2.5 | raccourci*^1.2 |
        resum*^3 | en una frase^1.8 | en dos frases^1.8 | en tres^0.8 | puntos clave^2 | lo esencial^2 | síntesis^2.5 | sintetiza^2.5 | ideas principales^2 | acta^0.8 | en pocas palabras^1.8 | lo más importante^1.8 |
        resumo^3 | resuma^3 | em uma frase^1.8 | pontos principais^2 | riassum*^3 | riassunto^3 | in una frase^1.8 | punti chiave^2 | sintesi^2 | em duas frases^1.8 |
        要約^3 | まとめ^2.2 | 要点^2.5 | 一文で^1.8 | 一言で^1.5 | 3行で^2.5 | 三行で^2.5 | ポイントを^1.2 | 概要^2 | 短くして^1.2 | ざっくり^1 |
        总结^3 | 概括^3 | 摘要^3 | 要点^2 | 一句话^1.5 | 归纳^2.5 | 简要^1.5
    """),
    "translate": _words("""
        english please^2.5 | -> french^2.5 | -> spanish^2.5 | -> german^2.5 | -> english^2.5 | auf niederländisch^2 |
        translat*^3 | in german^1.2 | in french^1.2 | in spanish^1.2 | in japanese^1.2 | in english^1 | into english^2.5 | into german^2.5 | into french^2.5 | into spanish^2.5 | into japanese^2.5 | to german^2 | to french^2 | to spanish^2 | to japanese^2 | to english^2 | to portuguese^2 | to italian^2 | how do you say^2.5 | german version^2 | french version^2 | spanish version^2 | say in^1 | localize^2 |
        übersetz*^3 | auf englisch^2 | auf deutsch^1.8 | auf französisch^2 | auf spanisch^2 | auf japanisch^2 | auf italienisch^2 | ins englische^3 | ins deutsche^3 | ins französische*^3 | ins spanische^3 | ins japanische^3 | ins italienische^3 | was heißt^2 | wie sagt man^2.5 | englische fassung^2 |
        tradui*^3 | traduction^3 | en anglais^2 | en allemand^2 | en français^1.8 | en espagnol^2 | en japonais^2 | en italien^2 | comment dit-on^2.5 | comment on dit^2.5 | version anglaise^2 | version française^2 |
        traduc*^3 | traduce*^3 | traduzca^3 | al inglés^2.5 | al español^2.5 | al francés^2.5 | al alemán^2.5 | al japonés^2.5 | en inglés^1.8 | en alemán^1.8 | en francés^1.8 | en japonés^1.8 | cómo se dice^2.5 | versión española^2 | versión inglesa^2 |
        traduz*^3 | tradução^3 | para o inglês^2.5 | para inglês^2.5 | em inglês^1.8 | em alemão^1.8 | como se diz^2.5 | tradurre^3 | traduzione^3 | traduci^3 | in tedesco^2 | in inglese^2 | in italiano^1.8 | in francese^2 | come si dice^2.5 |
        翻訳^3 | 訳して^3 | 英語に^2.5 | 日本語に^2.5 | ドイツ語に^2.5 | フランス語に^2.5 | スペイン語に^2.5 | 英語で^2 | ドイツ語で^2 | フランス語で^2 | 和訳^3 | 英訳^3 | スペイン語で^2 | 中国語に^2.5 | 何て言う^1.8 | 何と言い^1.8 |
        翻译^3 | 译成^3 | 翻成^3 | 用英语^1.8 | 英文怎么说^2.5 | 英语怎么说^2.5 | 成英文^2.5 | 成中文^2.5 | 成德语^2.5 | 成日语^2.5 | 译为^3
    """),
    "extract": _words("""
        which companies^2 | are mentioned^2 | every deadline^2 | just the^1.2 | comma separated^1.8 | clean json^2 | json array^1.5 | list any^1.8 | kommen vor^1.5 | quelles sont les^1.2 | hazme una lista^1.5 | 一覧に^2 | すべての^0.8 | return {^2.5 | in the text below^1.8 | personal data^0.8 | turn this^0.6 |
        extract^3 | pull out^2.5 | pull the^2.2 | list all^1.5 | find all^1.8 | give me all^2 | which dates^1.8 | from this^1 | from the text^1.5 | from the following^1.2 | out of this^1.2 | fields^1.5 | entities^2.5 | as json^1.5 | json with^1.8 | json^0.9 | keys^0.8 | names mentioned^2.5 | mentioned in^1.8 | invoice number^1.5 | order number^1 | parse^1.2 | get the^0.6 | as csv^1.2 | as a table^0.8 | plain list^1.2 | phone numbers^1 | email addresses^1 | amounts^0.8 | due date^1 | line items^1.5 | what is the iban^1.5 | action items^1.8 | account holder^1 |
        extrahier*^3 | zieh*^1.5 | heraus^1.2 | raus^1 | liste alle^1.8 | alle namen^1.8 | alle daten^1.5 | nenne alle^1.5 | welche termine^1.8 | aus dem text^1.8 | aus diesem^1.2 | rechnungsnummer^1.2 | als json^1.5 | felder^1.5 | als tabelle^0.8 | finde alle^1.8 | bestellnummer^0.8 | iban^0.7 |
        extrai*^3 | extrais^3 | extraire^3 | relève*^2.2 | repère^1.5 | liste les^1.5 | donne-moi tous^1.8 | dans ce texte^1.2 | de ce texte^1.5 | du texte^1.2 | en json^1.5 | champs^1.5 | montant^0.8 | numéro de facture^1.5 | toutes les dates^2 | sors^1.5 | récupère^1.8 |
        extrae*^3 | extraer^3 | saca^2 | lista todos^1.8 | enumera^1.5 | todas las fechas^2 | todos los nombres^2 | del texto^1.5 | de este^0.6 | en json^1.5 | campos^1.5 | número de factura^1.5 | importe^0.8 | identifica^1 | dame los^1 | número de pedido^0.8 |
        extraia^3 | estrai^3 | estrarre^3 | dal testo^1.5 | liste todos^1.8 | em json^1.5 | do texto^1.5 | elenca^1.5 | tutte le date^2 |
        抽出^3 | 抜き出^3 | 取り出^2.5 | リストアップ^1.8 | jsonで^1.8 | json形式^1.8 | すべて挙げ^1.5 | から日付^1.8 | 項目^1 | 書き出^1.8 | から、^0.2 | 拾って^1.8 | 列挙^1.5 |
        提取^3 | 抽取^3 | 找出^1.8 | 列出^1.5 | 挑出^2 | 取出^2
    """),
    "classify": _words("""
        belong to^2.5 | which queue^3 | triage^2.5 | severity^1.8 | mark each^2.2 | tag this^2.5 | with one of^2 | labels^1.8 | etikett^2.5 | info/warn*^2 | cold, warm^2.5 | lead?^0.5 | which language is^2 | relève de quel^3 | urgente, normal^2.5 | ironía^2 | sí o no^1.5 | oui ou non^1.5 | ja oder nein^1.5 | give the^0.4 | set it with^0.5 | aspect^0.8 | welche dieser^1.2 |
        classif*^3 | categor*^2.5 | label^2 | label each^2.5 | sentiment^3 | positive or negative^3 | positive, negative^3 | positive, neutral^3 | positive/negative^3 | spam or^3 | is this spam^3 | spam^1.5 | which category^3 | which department^2.5 | which team^2 | tag^1.2 | route this^1.5 | urgent or^2 | priority^0.8 | rate the^1.5 | toxicity^2 | toxic^1.5 | true or false^1.5 | yes or no^1 | sort these^1.8 | bug or^2 | intent^1.8 | one of^0.8 | high, medium^2 | low, medium^2 | complaint^0.8 | is this a^0.8 | what kind of^0.7 | answer with one word^1.5 | one word^1 | formal or^1.5 | sarcas*^1.5 | a, b or c^1.2 |
        klassifizier*^3 | kategori*^2.5 | einordnen^2.5 | ordne^2.2 | stimmung^2 | positiv*^1.5 | negativ*^1.5 | neutral^1.5 | welche kategorie^3 | welche abteilung^2.5 | zuordnen^2 | dringend^0.7 | einstufen^2.5 | stufe^1.5 | beschwerde^0.8 | sortiere^1.5 | ist das spam^3 | lob oder^2 | bewerte^1 | phishing^1.5 |
        classe^2.5 | classer^2.5 | classifi*^3 | catégor*^2.5 | sentiment^2.5 | positif^1.5 | négatif^1.5 | neutre^1.5 | quel service^2.5 | quelle catégorie^3 | étiquette*^2 | urgent ou^2 | spam^1.5 | réclamation^0.8 | trie^1.5 | range^1 |
        clasific*^3 | categor*^2.5 | sentimiento^2.5 | positivo^1.5 | negativo^1.5 | neutro^1.5 | neutral^1.5 | qué departamento^2.5 | etiqueta^2 | spam^1.5 | urgente^0.7 | queja^0.8 | a qué^0.5 | ordena^0.6 |
        classifique^3 | classifica*^3 | sentimento^2.5 | positiva^1.5 | negativa^1.5 | categoria^2 | reclamação^0.8 | reclamo^0.8 | qual departamento^2 |
        分類^3 | カテゴリ^2.5 | ポジティブ^2.5 | ネガティブ^2.5 | 感情^1.2 | どの部署^2.5 | 判定^2.2 | ラベル^2.5 | 仕分け^2.5 | 振り分け^2.5 | スパム^1.5 | 苦情^0.8 | 中立^1.5 | 肯定^1 | 緊急度^1.8 |
        分类^3 | 类别^2.5 | 归类^3 | 正面^1.8 | 负面^1.8 | 中性^1.5 | 情感^1.5 | 判断^1.2 | 标签^1.8 | 垃圾邮件^1.5
    """),
    "question": _words("""
        is lisbon^1 | is^0.35 | was^0.25 | default^0.5 | in a^0.1 | gilt^0.9 | muss ich^0.3 | à quoi sert^1.6 | どう違う^1.5 | 何度^1.2 | a cuanto^1.2 | a cuánto^1.2 | cuántos días^1.6 | ist^0.3 | est^0.2 | es^0.15 |
        what is^1 | what are^0.9 | what's^0.8 | what does^0.9 | who^0.9 | when^0.7 | where^0.8 | which^0.5 | why^0.8 | why is^1 | why do^1 | how do i^1.1 | how do^0.9 | how to^1 | how can i^1 | how long^1.2 | how often^1.3 | how far^1.2 | how does^1.1 | can i^0.9 | is it^0.8 | are there^0.8 | does^0.5 | do i^0.8 | difference between^1.1 | best way^1 | capital of^2 | explain^0.6 | tell me how^1 | is there^0.8 | define^1.2 | meaning of^1 | what happens^1 |
        was ist^1 | was sind^0.9 | was bedeutet^1 | wer^0.8 | wann^1 | wo^0.8 | warum^0.9 | wieso^0.9 | wie lange^1.2 | wie oft^1.2 | wie bekomme^1.1 | wie kann^1 | wie funktioniert^1.2 | wie^0.6 | welche*^0.4 | darf ich^1.1 | darf man^1.2 | kann man^1.1 | kann ich^0.9 | ab wann^1.4 | muss ich^1 | unterschied zwischen^1.1 | gibt es^0.9 | stimmt es^1.2 | hauptstadt^2 | woher^1 |
        qu'est-ce^1.1 | c'est quoi^1.2 | qui^0.4 | quand^0.9 | où^0.7 | pourquoi^1 | comment^0.8 | quel*^0.5 | est-ce que^0.9 | est-ce^0.8 | combien de temps^1.6 | puis-je^1 | peut-on^1.1 | différence entre^1.1 | ça veut dire quoi^1.2 | à quelle^0.9 | y a-t-il^1 | capitale^2 |
        qué es^1.1 | qué significa^1 | qué^0.4 | quién^1 | cuándo^1.1 | dónde^1 | por qué^1 | cómo^0.8 | cuál^0.8 | cuánto tiempo^1.6 | cuánto dura^1.6 | puedo^0.8 | se puede^1.1 | diferencia entre^1.1 | hay que^0.8 | es verdad^1.1 | capital de^2 | para qué sirve^1.2 |
        o que é^1.1 | como^0.5 | quando^0.8 | onde^0.9 | por que^0.9 | qual^0.5 | cos'è^1.2 | come^0.4 | quando^0.8 | dove^0.9 | perché^0.9 | quanto tempo^1.6 | posso^0.8 | si può^1.1 | che differenza^1.1 | pode^0.4 | quem^0.7 | chi^0.6 | qual é^0.9 | qual è^0.9 |
        とは^1.2 | 何ですか^1.2 | なぜ^1 | どうやって^1.2 | どうして^1 | いつ^0.9 | どこ^0.9 | 誰^0.9 | 教えて^0.9 | ですか^0.9 | ますか^0.9 | 方法^0.8 | 違い^1 | どのくらい^1.1 | どれくらい^1.1 | 意味^0.6 | 首都^2 |
        什么是^1.2 | 是什么^1.2 | 为什么^1.1 | 怎么^0.9 | 如何^1 | 什么时候^1.1 | 哪里^1 | 谁^0.7 | 多久^1.2 | 可以^0.4 | 吗^0.6 | 区别^1.1 | 首都^2
    """),
    "chat": _words("""
        i just got^1.5 | can't believe^1.5 | i'm tired^2 | tell me something^2 | tell me^0.6 | favourite number^2 | my grandmother^1 | interview me^1.5 | be a^1 | comme si tu^2 | fais comme si^2.5 | et toi^2 | jajaja^2 | vale^0.6 | whose side^1.5 | honestly^1 | ah oui^1.5 | !!!^1 | i can't decide^0.8 | sei mal^1.5 | mood^1 | feeling^0.8 |
        hi^1.5 | hello^1.8 | hey^1.5 | good morning^2 | good evening^2 | good night^2 | how are you^2.5 | how's it going^2.5 | thanks^1 | thank you^1 | bye^1.5 | lol^1.5 | haha^1.8 | i feel^1.5 | i'm feeling^1.8 | i'm bored^2.5 | bored^1.2 | lonely^2 | sad^1 | let's talk^2.5 | let's chat^2.5 | talk to me^2.5 | chat with me^2.5 | tell me a joke^3 | joke^1.5 | pretend^2 | role-play^3 | roleplay^3 | you are a^0.8 | act as^1.2 | play a^1.2 | be my^1.2 | your favourite^2 | your favorite^2 | do you like^2 | who are you^2.5 | are you^1 | what do you think^0.8 | nice to^1 | guess what^2 | just wanted^1.5 | my day^1.5 | cheer me up^2.5 | ask me^1.2 | what's up^2.5 | can't sleep^2 | do you ever^2 | you there^2.5 | would you rather^2 | i'm so^1.2 | lets play^2 | let's play^2 | weekend^0.5 |
        hallo^1.8 | moin^2 | guten morgen^2 | guten abend^2 | gute nacht^2 | wie geht^2.5 | danke^1 | tschüss^1.5 | mir ist langweilig^3 | langweilig^1.2 | ich fühle^1.5 | erzähl mir^1.2 | erzähl^1 | witz^2 | spiel*^0.8 | stell dir vor^1.2 | du bist^1.2 | wer bist du^3 | lass uns^1.5 | quatschen^2.5 | plaudern^2.5 | na^1 | magst du^2 | heute war^1.5 | ich bin so^1.5 | müde^1 | tu so^2 | feierabend^1.2 | was machst du^2.5 | dein liebling*^2 | reden^0.8 |
        bonjour^1.2 | salut^1.8 | bonsoir^1.5 | coucou^2 | ça va^2.5 | merci^0.8 | je m'ennuie^3 | je me sens^1.8 | un peu triste^2 | parler^0.8 | on peut juste^1.5 | discuter^1.8 | blague^2.5 | fais semblant^2.5 | joue^1.2 | imagine que tu^2 | tu es^1 | qui es-tu^2.5 | raconte-moi^1.5 | raconte^1 | ta journée^2 | bonne nuit^2 | tu préfères^1.8 | tu aimes^2 | ma journée^1.5 | t'aimes^2 | je suis crevé*^2 | quoi de neuf^2.5 |
        hola^1.8 | buenos días^1.8 | buenas^1.5 | buenas noches^2 | qué tal^2.5 | cómo estás^2.5 | gracias^0.8 | me aburro^3 | me siento^1.8 | chiste^2.5 | cuéntame^1.5 | charlar^2.5 | hablar^0.8 | haz de^2 | finge^2.5 | eres^0.9 | quién eres^2.5 | juguemos^2 | te gusta^1.8 | mi día^1.5 | hablamos^1.8 | hoy he^1 | estoy^0.8 |
        oi^1.5 | olá^1.8 | tudo bem^2.5 | bom dia^2 | bater um papo^3 | bora^1.5 | conta uma^1.2 | ciao^1.8 | come stai^2.5 | come va^2.5 | raccontami^1.5 | barzelletta^2.5 | mi annoio^3 | fai finta^2.5 | chiacchiera*^2.5 | piada^2.5 | estou^0.6 | sono^0.3 | finja^2.5 |
        こんにちは^2 | おはよう^2 | こんばんは^2 | おやすみ^2 | 元気^1.8 | ありがとう^1 | 疲れた^2 | 暇^2 | 話そう^2 | 話し相手^2.5 | 話したい^2 | 聞いて^1 | 雑談^3 | 冗談^2 | なりきって^3 | になって^1 | あなたは^1 | 君は^1 | 好き^1 | やる気^1.2 | んだよね^1.8 | だよね^1.2 | 眠れない^2 | 寂しい^2 | おすすめの過ごし^1 | 今日は^0.6 | ねえ^1.8 | しりとり^3 | 役を^1.5 | さみしい^2 |
        你好^2 | 早上好^2 | 晚安^2 | 无聊^2 | 聊聊^2.5 | 聊天^2.5 | 笑话^2.5 | 心情^1.8 | 角色扮演^3 | 假装^2 | 扮演^2 | 陪我^2 | 好累^2 | 你喜欢^2 | 你是谁^2.5 | 哈哈^1.8 | 谢谢^0.8
    """),
}
