"""What people write beside an outcome: a text that denies it is read as one, a text that tells of it harms nothing."""

from __future__ import annotations

import pytest

from engine.kernel.answer_words import against

AGAINST = """
Клиент не найден
Договор не числится
Не исполнено
Отказ: нет основания
L-2 - отказано
Взыскание пока не остановлено
ещё не исполнено
Остановка будет завтра
Обрабатывается
В работе
На рассмотрении у юристов
Будет сделано завтра
Сделаем в понедельник
Stop scheduled for Monday
Not all loans were stopped
One of two stopped
L-2 failed
L-2 could not be found
no contract with this number
the client is unknown to us
we do not know this client
access denied
Permission denied
Insufficient rights
недостаточно прав
нет прав
нет доступа
сервис недоступен
service unavailable
connection refused
timeout waiting for core
Система на обслуживании
operation was rolled back
изменения отменены
откат
операция отклонена оператором
заявка отклонена
исполнение невозможно
остановить не удалось
не смогли остановить
we refuse
we decline to stop
collection was resumed
взыскание возобновлено
Өндіріп алу тоқтатылған жоқ
тоқтату мүмкін емес
шарт табылмады
қабылданбады
бұл шарт бізде жоқ
кейін орындаймыз
partially done
частично исполнено
SMS will go on
SMS continue to be sent
рассылка продолжается
демо-режим
in simulation
simulated
это тест
test only
dry run completed
stop expires in 30 days
на 30 дней
приостановлено на месяц
suspended for a month
до конца недели
""".strip().splitlines()
HARMLESS = """
Взыскание остановлено
Остановлено по постановлению №17 от 20.11.2026
Звонки прекращены, СМС отключены
Договор передан в стоп-лист
Договор внесён в стоп-лист до 18:00
Взыскание прекращено, задолженность не изменилась
Клиенту больше не звоним
Начисление процентов остановлено с 23.11.2026
Контакты с клиентом запрещены
Взыскание запрещено
Stopped by operator Ivanov
Collection stopped; agency notified
Agency a-1 was notified and confirmed
All calls removed from the dialer
No further contact with the client
Client is in the stop list
Will not be contacted
Loan is no longer collected
The order has been executed in full
Completed in 12 ms
Processed by queue dialer-1
Исполнено в полном объёме
Исполнено, возражений нет
Распоряжение исполнено, замечаний нет
Өндіріп алу тоқтатылды
Өндіріп алу тоқтатылды, қоңыраулар болмайды
Қате жоқ
Stopped at the request of law enforcement
Interest accrual stopped, balance unchanged
Already stopped on 2026-11-20
Было остановлено ранее
The previous stop is still in force
Стоп уже действовал
Calls not scheduled any more
Взыскание не ведётся
Взыскание не ведется и не возобновится
collector was told not to call
The client cannot be called any more
Отмена звонков выполнена
Задачи на звонки отменены
Запланированные звонки отменены
Снято с обзвона
2 of 2 loans stopped
L-1, L-2 stopped
Only the collection was stopped as ordered
Client account was blocked
User session terminated
Account locked
Access revoked for the user
Права отозваны, сессии завершены
Доступ заблокирован
Blocked on the firewall
host isolated
correction applied in the credit history
Исправление внесено в кредитную историю
Запись исправлена
Processed without errors or warnings
test of controls passed
Received order 17 and executed it
""".strip().splitlines()


@pytest.mark.parametrize("text", AGAINST)
def test_a_text_that_denies_is_no_evidence(text: str) -> None:
    assert against(text) is not None


@pytest.mark.parametrize("text", HARMLESS)
def test_a_text_that_tells_what_was_done_harms_nothing(text: str) -> None:
    assert against(text) is None
